"""Evaluations: what was asked, what was found, and how sure it is."""
