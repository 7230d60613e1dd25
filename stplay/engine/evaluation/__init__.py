"""Triplets judged by models."""
