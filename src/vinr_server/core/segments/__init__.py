"""Segments: their conditions, and who is in them."""
