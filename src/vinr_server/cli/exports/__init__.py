"""`vinr export`."""
