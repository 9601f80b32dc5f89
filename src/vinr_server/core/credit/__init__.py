"""Store credit: each customer's wallet of a currency, kept by the same book as points."""
