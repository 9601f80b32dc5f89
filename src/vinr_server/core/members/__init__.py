"""Customers and accounts: enrol, update, close."""
