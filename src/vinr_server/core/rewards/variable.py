"""Variable rewards: points as money, as many as the member wants to spend (R83).

Their benefit is a discount of `amount_per_point_e4` for each point (ten-thousandths of a minor unit), between
`min_points` and `max_points`, in steps of `step_points`.
"""

from __future__ import annotations

from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.numbers import SCALE, ceil_div, floor_div
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.rewards.rows import Reward


@dataclass(frozen=True, slots=True)
class Price:
    """What one redemption takes, and what it gives."""

    cost_points: int
    benefit: Json


def is_variable(benefit: Json) -> bool:
    """Whether the points that are spent say how much the benefit is."""
    return "amount_per_point_e4" in benefit


def points_for(benefit: Json, amount_minor: int) -> int:
    """The points that a variable reward takes for an amount: no fewer come to as much."""
    return ceil_div(amount_minor * SCALE, benefit["amount_per_point_e4"])


def price_of(reward: Reward, points: int | None) -> Price | Rejected:
    """What the reward costs and gives for so many points, or why it can't be redeemed for them.

    The amount rounds down to whole minor units; points that add nothing to it are not taken.
    """
    if not is_variable(reward.benefit):
        if points is None:
            return Price(reward.cost_points, reward.benefit)
        message = f"points: reward {reward.id} has a fixed price of {reward.cost_points} points. Leave points out."
        return invalid(message, param="points")
    if points is None:
        message = f"points is required: reward {reward.id} is redeemed for {_range(reward)} points."
        return invalid(message, param="points")
    if not _is_in_range(reward.benefit, points):
        message = f"points: {points} is not possible; reward {reward.id} is redeemed for {_range(reward)} points."
        return invalid(message, param="points")
    per_point_e4 = reward.benefit["amount_per_point_e4"]
    amount_minor = floor_div(points * per_point_e4, SCALE)
    if amount_minor == 0:
        least = ceil_div(SCALE, per_point_e4)
        return invalid(f"points: {points} points come to nothing; spend at least {least}.", param="points")
    return Price(points_for(reward.benefit, amount_minor), {**reward.benefit, "amount": amount_minor})


def _is_in_range(benefit: Json, points: int) -> bool:
    most, step = benefit.get("max_points"), benefit["step_points"]
    is_between = benefit["min_points"] <= points and (most is None or points <= most)
    return bool(is_between and points % step == 0)


def _range(reward: Reward) -> str:
    """The points that are possible, in words."""
    benefit = reward.benefit
    most = f" to {benefit['max_points']}" if benefit.get("max_points") is not None else " or more"
    steps = f", in steps of {benefit['step_points']}," if benefit["step_points"] > 1 else ""
    return f"{benefit['min_points']}{most}{steps}"
