"""`vinr import`."""
