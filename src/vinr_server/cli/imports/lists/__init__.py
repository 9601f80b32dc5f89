"""Imports of plain lists: members of segments, codes of batches."""
