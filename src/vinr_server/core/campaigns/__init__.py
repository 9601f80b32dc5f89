"""Campaigns: members moved through steps by events and by time (R20, R40 to R53)."""
