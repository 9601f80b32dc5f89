"""Purchases: what is kept of them, and what they earn in any state."""
