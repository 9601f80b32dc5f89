"""The table of contents, which makes the site's navigation and llms.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docsite.api_pages import api_pages

DOCS = Path(__file__).parents[1] / "docs"

SECTIONS: dict[str, list[str]] = {
    "Start": ["index.md", "start.md"],
    "Concepts": [
        "concepts/glossary.md",
        "concepts/ledger.md",
        "concepts/lots.md",
        "concepts/expiry.md",
        "concepts/waiting.md",
        "concepts/tiers.md",
        "concepts/offers.md",
        "concepts/segments.md",
        "concepts/campaigns.md",
        "concepts/conditions.md",
        "concepts/checkout.md",
        "concepts/rules.md",
    ],
    "Guides": [
        "guides/launch-a-program.md",
        "guides/bring-your-members.md",
        "guides/import-purchases.md",
        "guides/earn-and-redeem.md",
        "guides/points-as-money.md",
        "guides/store-credit.md",
        "guides/linking-payments.md",
        "guides/earning-rules.md",
        "guides/tax.md",
        "guides/earn-at-checkout.md",
        "guides/codes.md",
        "guides/referrals.md",
        "guides/win-back-journey.md",
        "guides/challenge.md",
        "guides/holdout-and-lift.md",
        "guides/refunds.md",
        "guides/orders.md",
        "guides/webhooks.md",
        "guides/webhooks-fastapi.md",
        "guides/webhooks-express.md",
        "guides/webhooks-nextjs.md",
        "guides/going-live.md",
    ],
    "Reference": [
        "reference/api/index.md",
        *sorted(api_pages()),
        "reference/objects.md",
        "reference/events.md",
        "reference/errors.md",
        "reference/cli.md",
        "settings.md",
    ],
    "Operating": [
        "operating/postgresql.md",
        "operating/backup.md",
        "operating/upgrade.md",
        "operating/scaling.md",
        "operating/keys.md",
    ],
}


def pages() -> Iterator[str]:
    """Every page of the site."""
    for section in SECTIONS.values():
        yield from section


def heading(text: str) -> str:
    """A page's title."""
    return next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))


def summary(text: str) -> str:
    """A page's first sentence below its title, as plain text."""
    body = text.split("\n# ", 1)[-1].split("\n", 1)[1] if text.startswith("#") else text
    paragraph = next(part for part in body.split("\n\n") if part.strip() and part.strip()[0] not in "#<|`-")
    words = " ".join(paragraph.split()).replace("`", "").replace("*", "")
    return words.split(". ")[0].rstrip(".:") + "."
