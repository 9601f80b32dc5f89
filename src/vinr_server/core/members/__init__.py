"""Customers and accounts: enroll, update, close, merge."""
