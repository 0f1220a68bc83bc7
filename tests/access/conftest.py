"""Deadlines are none of these tests' business."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
