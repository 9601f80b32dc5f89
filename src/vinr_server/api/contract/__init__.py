"""The one table of operations, and what is made of it."""
