"""Who belongs to the house: people, devices and tokens, in a store of their own."""
