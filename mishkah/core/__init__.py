"""The pure heart: values in, values out. No tasks, files, clocks or chance in here."""
