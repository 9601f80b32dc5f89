"""What happened, and which webhook endpoints receive it."""
