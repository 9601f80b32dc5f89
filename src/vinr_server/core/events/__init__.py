"""What happened, and which webhook endpoints hear of it."""
