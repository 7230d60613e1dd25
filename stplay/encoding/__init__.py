"""The side of encoding that knows no torch: its processes, what is said to them, their answers."""
