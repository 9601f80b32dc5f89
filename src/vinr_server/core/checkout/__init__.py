"""Checkout: evaluating a cart, and sessions that hold what the cart was promised."""
