"""What a file means: its encoding, its separator, its columns, how it writes numbers and dates."""
