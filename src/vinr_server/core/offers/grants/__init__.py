"""Grants of offers: given to a member, used with a redemption, withdrawn (R48)."""
