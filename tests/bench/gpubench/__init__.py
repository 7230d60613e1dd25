"""The sections of ``tests/bench/gpu.py``: each trains as the product does, and prints a table."""
