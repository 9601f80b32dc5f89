"""The book of one account: its lots, what they pay, what waits in them, and what time does to them."""
