"""Why a promotion that a cart qualifies for gives nothing, with the figures, and the least change that would help."""

from __future__ import annotations

from collections.abc import Mapping

from vinr_server.core.carts.cart import Effect, Promotion
from vinr_server.core.carts.effects import Landing
from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.kernel.numbers import SCALE, ceil_div, show_decimal


def blocked(other: Promotion, other_minor: int, mine_minor: int, currency: str) -> Unmet:
    """Another promotion of the group can't be combined with it; `mine_minor` is what it would take off as well."""
    message = (
        f"Can't be combined with {other.id} ({other.name}), which takes off {other_minor}"
        f" ({currency}, minor units); this one would take off another {mine_minor}."
    )
    return Unmet("stacking", message, None)


def not_chosen(promotion: Promotion, other: Promotion, amounts_minor: Mapping[str, int], currency: str) -> Unmet:
    """The group chose another promotion, for its priority, for what it takes off, or for its age."""
    mine, theirs = amounts_minor[promotion.id], amounts_minor[other.id]
    figures = f"it takes off {theirs} ({currency}, minor units), this one {mine}"
    if promotion.stacking == "exclusive" and other.priority != promotion.priority:
        why = f"which has the higher priority ({other.priority}, this one {promotion.priority}); {figures}."
    elif theirs == mine:
        why = f"which comes first; both take off {mine} ({currency}, minor units)."
    else:
        why = f"which gives more: {figures}."
    start = "Can't be combined with" if promotion.stacking == "exclusive" else "Only the best of its group applies:"
    return Unmet("stacking", f"{start} {other.id} ({other.name}), {why}", None)


def no_effect(promotion: Promotion, landing: Landing, currency: str) -> Unmet:
    """It takes nothing off these prices: it uses no cap and consumes no discount (R14)."""
    effect, base_minor = promotion.effect, landing.receipt.get("base", 0)
    if landing.receipt.get("most") == 0 and landing.receipt["order"]:
        return _most_rounds_to_zero(effect, landing.receipt["order"], currency)
    if base_minor and landing.receipt.get("wanted", 0) > base_minor:
        return _larger_than_order(landing.receipt["wanted"], base_minor, currency)
    if effect.percent_e4 and base_minor and effect.max_minor != 0:
        return _rounds_to_zero(promotion, base_minor, currency)
    if effect.type == "free_shipping":
        return Unmet("no_effect", "There is no shipping cost left to discount.", None)
    if effect.value_minor == 0 or effect.max_minor == 0:
        return Unmet("no_effect", "The offer takes 0 off.", None)
    if effect.got is not None:
        return _nothing_to_get(promotion, landing)
    if effect.type == "bogo" and landing.receipt["units"] <= effect.buy:
        units = landing.receipt["units"]
        message = f"The cart has {units} matching units; the first free unit comes with {effect.buy + 1}."
        return Unmet("no_effect", message, f"add {effect.buy + 1 - units} more{_what(promotion)}")
    return Unmet("no_effect", "The items it applies to are already free.", None)


def _rounds_to_zero(promotion: Promotion, base_minor: int, currency: str) -> Unmet:
    """A percentage rounds down: it gives something from a least amount on (R80)."""
    effect = promotion.effect
    least_minor = ceil_div(100 * SCALE, effect.percent_e4)
    message = (
        f"{show_decimal(effect.percent_e4)}% of {base_minor} ({currency}, minor units) rounds down to 0;"
        f" {least_minor} is the least amount of which it takes something off."
    )
    more_minor = least_minor - base_minor
    if effect.type == "free_shipping":
        return Unmet("rounds_to_zero", message, f"pay {more_minor} more for shipping")
    if effect.got is not None:
        return Unmet("rounds_to_zero", message, None)
    on = _what(promotion).replace(" of ", " on ", 1)
    return Unmet("rounds_to_zero", message, f"spend {more_minor} more{on}")


def _most_rounds_to_zero(effect: Effect, goods_minor: int, currency: str) -> Unmet:
    """The percentage of the order that it takes off at most rounds down (R83)."""
    percent_e4 = effect.most_percent_e4 or 0
    least_minor = ceil_div(100 * SCALE, percent_e4)
    message = (
        f"It takes off at most {show_decimal(percent_e4)}% of the order, and that of {goods_minor} ({currency}, minor"
        f" units) rounds down to 0; {least_minor} is the least order of which it takes something off."
    )
    return Unmet("rounds_to_zero", message, f"spend {least_minor - goods_minor} more")


def _larger_than_order(wanted_minor: int, left_minor: int, currency: str) -> Unmet:
    """It would lose what the cart can't use, so it stays issued (R83)."""
    message = (
        f"The discount takes off {wanted_minor} ({currency}, minor units); {left_minor} is left to pay for the goods."
        " It stays issued, for a larger order."
    )
    return Unmet("larger_than_order", message, f"spend {wanted_minor - left_minor} more")


def _nothing_to_get(promotion: Promotion, landing: Landing) -> Unmet:
    """Too little is bought, or there is nothing to get: what to add of each (R79)."""
    effect, figures = promotion.effect, landing.receipt
    if figures["given"]:
        return Unmet("no_effect", "The items it applies to are already free.", None)
    get = 0 if figures["gettable"] else 1
    buy = max(effect.buy - figures["bought"], 0)
    buy += max(effect.buy + 1 - (figures["units"] + buy + get), 0)
    bought = "" if effect.bought is None or effect.bought.is_everything else f" of {effect.bought}"
    parts = [f"{buy} more{bought}"] if buy else []
    parts += [f"1 of {effect.got}"] if get else []
    message = (
        f"The cart has {figures['bought']} units{bought} to buy and {figures['gettable']} of {effect.got} to get;"
        f" {effect.buy} must be bought for the first one to get, and a unit serves once."
    )
    return Unmet("no_effect", message, f"add {' and '.join(parts)}")


def _what(promotion: Promotion) -> str:
    selection = promotion.lines or promotion.criteria.selection
    return "" if selection.is_everything else f" of {selection}"
