"""The `vinr` command: dev, serve, worker, migrate, keys, import."""
