"""Processes that serve and work: start, drain, log, measure."""
