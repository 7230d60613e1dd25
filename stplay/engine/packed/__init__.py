"""Sentences without padding, and the encoder that reads them."""
