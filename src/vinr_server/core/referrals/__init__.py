"""Referrals: programs, codes, and who brought whom."""
