"""What must hold of the tables: `vinr verify`."""
