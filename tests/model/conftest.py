"""The machines of this folder may take their time."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
