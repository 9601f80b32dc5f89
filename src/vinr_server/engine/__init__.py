"""The shell around the core: group commit, the clock, ids. One path for a single command and for many."""
