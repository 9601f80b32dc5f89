"""HTTP as pure translation: routing and OpenAPI come from one table of operations."""
