"""Campaigns in PostgreSQL: what is read of them, and who is due."""
