"""The shell around the core: group commit, the clock, ids. One path for one command and for many."""
