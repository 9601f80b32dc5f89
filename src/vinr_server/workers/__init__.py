"""Work that falls due by the clock, done through the same engine as everything else."""
