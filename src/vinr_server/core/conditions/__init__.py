"""Conditions: one language that rules, offers, carts and segments ask in, and what they ask of a member's history."""
