"""HTTP, and nothing but translation: one table of operations from which routing and OpenAPI come."""
