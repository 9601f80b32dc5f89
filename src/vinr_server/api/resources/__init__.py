"""The resources, a file each: what callers send of one, what they are answered, and the calls on it."""
