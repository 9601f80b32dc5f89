"""Measurements against anchors: `python -m bench` from the project root; see `python -m bench --help`."""
