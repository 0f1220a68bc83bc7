"""What `mishkah-trio new` writes: a module's files, a plugin's files, and lines in the config."""
