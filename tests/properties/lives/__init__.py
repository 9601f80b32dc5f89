"""A second, plain statement of a member's life: points, tiers, holds, referrals and store credit, all together.

Written from the rules alone, as facts and loops over them; nothing of it asks the engine. Read `book`, `tiers`,
`member`, `purchases`, `points`, `rewards` and `club` in this order.

What happens is drawn in `worlds`, `moves` and `money_moves`, is done on every side in `life`, and compared by `sides`
and `comparing`. These know the engine's commands and rows, and none of its decisions.
"""
