"""Codes that open offers: the text that a shopper types, the key it is found by, and how often it may be used."""
