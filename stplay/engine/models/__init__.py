"""Models: loaded, made, and looked at."""
