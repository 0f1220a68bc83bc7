"""Whole shops on virtual time, with everything that can go wrong."""
