"""Tiers: what confirms them, how they are held, and what time, edits and hands change of that (R12)."""
