"""stplay, the terminal workbench for sentence embeddings: train, evaluate and explore."""

__version__ = "0.1.0"
