"""The pure floor: rows and commands in, decisions out. No I/O, clock, randomness or async lives here."""
