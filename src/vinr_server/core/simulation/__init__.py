"""What would become of members, and is never written: campaigns simulated by the decisions that would be taken."""
