"""Budgets: how much an offer or a campaign may give in a period, to all or to each member (R56)."""
