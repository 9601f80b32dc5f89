"""What operators do: keys, tenants, migrate, check, verify."""
