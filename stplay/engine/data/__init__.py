"""Triplets and sentences: built in, in files, on the Hub."""
