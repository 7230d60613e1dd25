"""Encoding without torch: the processes that encode, what is said to them, and what their answers tell."""
