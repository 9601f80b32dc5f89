"""A batch's reads, locks and writes."""
