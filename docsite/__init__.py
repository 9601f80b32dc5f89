"""The documentation: its generated pages, and the site built of all of them."""
