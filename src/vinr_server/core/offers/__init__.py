"""Offers: terms, targeting, limits, activation, redemption."""
