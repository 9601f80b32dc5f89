"""Incentives: what an engagement offer gives, as it is sent, as it is stored, as it is shown."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.input import Count, Input, Rate, RewardId
from vinr_server.api.contract.reply import Reference, Reply, ShownRate
from vinr_server.api.contract.values import read_percent, read_rate
from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.numbers import SCALE
from vinr_server.core.offers import rows


class IncentiveInput(Input):
    type: Literal["points_multiplier", "points_bonus", "percentage_discount", "gift_reward"]
    multiplier: Rate = None
    points: Count | None = None
    percent: Rate = None
    max_discount: Count | None = None
    reward: RewardId | None = None


IncentiveType = Literal["points_multiplier", "points_bonus", "percentage_discount", "gift_reward"]


class Incentive(Reply):
    type: IncentiveType
    multiplier: ShownRate | UnsetType = UNSET
    points: int | UnsetType = UNSET
    percent: ShownRate | UnsetType = UNSET
    max_discount: int | UnsetType = UNSET
    reward: Reference | UnsetType = UNSET


# The fields of each incentive: those it requires, and those it may have.
INCENTIVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "points_multiplier": (("multiplier",), ()),
    "points_bonus": (("points",), ()),
    "percentage_discount": (("percent",), ("max_discount",)),
    "gift_reward": (("reward",), ()),
}


def read_incentive(given: IncentiveInput) -> dict[str, Any]:
    """The field of the terms that holds the incentive."""
    needed, possible = INCENTIVES[given.type]
    for name in ("multiplier", "points", "percent", "max_discount", "reward"):
        param = f"incentive.{name}"
        if getattr(given, name) is None:
            if name in needed:
                raise Problem("parameter_missing", f"{param} is required for a {given.type}.", param=param)
        elif name not in (*needed, *possible):
            message = f"{param} does not apply to a {given.type}. Leave it out."
            raise Problem("parameter_invalid", message, param=param)
    if given.type == "points_multiplier":
        factor_e4 = read_rate(given.multiplier, param="incentive.multiplier", lowest_e4=SCALE + 1)
        if factor_e4 > 1000 * SCALE:
            message = f"incentive.multiplier: {given.multiplier} is above the maximum, 1000."
            raise Problem("parameter_invalid", message, param="incentive.multiplier")
        return {"multiplier": rows.PointsMultiplier(factor_e4)}
    if given.type == "percentage_discount":
        percent_e4 = read_percent(given.percent, param="incentive.percent")
        return {"percentage": rows.PercentageDiscount(percent_e4, given.max_discount)}
    if given.type == "points_bonus":
        assert given.points is not None
        return {"bonus": rows.PointsBonus(given.points)}
    assert given.reward is not None
    return {"gift": rows.GiftReward(given.reward)}
