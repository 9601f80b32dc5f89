"""The laws of what members are: their tiers, their places in segments, and who acts for whom."""
