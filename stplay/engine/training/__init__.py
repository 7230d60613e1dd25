"""The training: what the library does, and what is done in its place."""
