"""The database itself: connect, migrate, the embedded server, tenants."""
