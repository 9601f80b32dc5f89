"""`vinr dev`: the engine on one machine, its seed, inbox and journal."""
