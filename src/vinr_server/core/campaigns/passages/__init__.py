"""Passages of members through campaigns: begun, waiting, woken by events, taken step by step, over."""
