"""What the API and operators read. Never through the writer."""
