"""A cart's prices: which promotions apply, in which order, and how they land."""
