"""Challenges: progress towards a target, computed from what counts towards it (R54, R55)."""
