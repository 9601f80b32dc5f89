"""Where requests arrive: routing, parsing, keys, limits, problems."""
