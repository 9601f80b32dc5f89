"""Writes the generated part of the SDKs from the server's table of operations."""
