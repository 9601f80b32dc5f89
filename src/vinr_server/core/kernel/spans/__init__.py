"""Spans of time: durations that callers name, and calendar periods."""
