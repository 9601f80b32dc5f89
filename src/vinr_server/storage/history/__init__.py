"""What a batch reads once its instant is known: purchases, caps, reminders, and what counts towards tiers."""
