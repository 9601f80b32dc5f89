"""The one table of operations, and everything that is derived from it."""
