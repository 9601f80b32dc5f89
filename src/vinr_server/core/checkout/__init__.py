"""Checkout: evaluating a cart, and sessions that hold what it was promised."""
