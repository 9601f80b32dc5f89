"""The documentation: its generated pages, and the site built from all pages."""
