"""The older list format of schemas and its flat seeds: read into the values of the guide's."""
