"""Commands that call the public API."""
