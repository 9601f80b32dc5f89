"""Budgets: how much an offer may give in a period, to all or to each member (R56)."""
