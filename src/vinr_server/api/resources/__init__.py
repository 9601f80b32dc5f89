"""The resources, a file for each: what callers send, what they are answered, and the calls."""
