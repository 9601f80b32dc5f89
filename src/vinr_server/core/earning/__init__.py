"""Earning rules, and what payments and events earn by them."""
