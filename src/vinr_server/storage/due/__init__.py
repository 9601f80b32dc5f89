"""Work that has fallen due."""
