"""Points: entries, lots, expiry, reversals."""
