"""A second, plain statement of what becomes of members in journeys and challenges, written from the rules alone.

`stories` draws campaigns and what happens to members; `progress` says how far a challenge has come, `journeys` which
steps a passage takes, `challenges` which attempts, and `opinion` what follows for a member who is in both. Nothing of
these asks the engine. `worlds` does a story on a run of the engine, and reads what came of it.
"""
