"""Who may come in: people, devices and programs, kept in a store of the house like any other."""
