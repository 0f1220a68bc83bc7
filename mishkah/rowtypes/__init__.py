"""A module's tables as types of a programming language, for who writes a front end."""
