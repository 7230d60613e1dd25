"""Runs: what to train, what has become of it, and the models that came of it."""
