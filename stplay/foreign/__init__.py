"""Trainings that stplay did not start, as events that the rest of it knows: a file a format."""
