"""Many members enter a campaign at once: by its schedule, or from a segment as it stands."""
