"""Loyalty programs, their tiers and who is a member."""
