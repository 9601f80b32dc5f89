"""Caps on frequency: how often a member enters campaigns and is sent messages by them (R51)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.changes import definition_by
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.pacing import CappedKind, FrequencyCap, frees_at
from vinr_server.core.campaigns.rows import Enrolment, Meetings, Met
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.spans.durations import spelled
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of


def name_meetings(needs: Needs, definition: Definition, account_id: str, of: CappedKind) -> None:
    """What the caps of a definition count is declared, where it has such caps."""
    if any(cap.of == of for cap in definition.caps):
        needs.row(Meetings, account_id, beside=account_id)


def capped(
    draft: Layer, campaign_id: str, definition: Definition, account: Account, of: CappedKind, *, at: datetime
) -> Rejected | None:
    """Refuse what a cap keeps back, by the cap that is the last to let it in.

    Raises AlsoRows where nobody has read what the caps count.
    """
    caps = [cap for cap in definition.caps if cap.of == of]
    if not caps:
        return None
    zone, known = program_of(draft, account).timezone, _meetings(draft, account)
    met = known.entries if of == "entries" else known.messages
    found: list[tuple[datetime, FrequencyCap]] = []
    for cap in caps:
        times = [before.at for before in met if _is_counted(draft, before, cap, campaign_id, definition.group)]
        freed = frees_at(times, cap, at=at, zone=zone)
        if freed is not None:
            found.append((freed, cap))
    if not found:
        return None
    freed, cap = max(found, key=lambda pair: pair[0])
    what = "has entered" if of == "entries" else "was sent"
    message = (
        f"Account {account.id} {what} as often as {spelled(cap.within)} allow in this {cap.scope}"
        f" (limit: {cap.most} {of}). Wait until {freed:%Y-%m-%dT%H:%M:%SZ}."
    )
    shown = {"of": cap.of, "max": cap.most, "within": spelled(cap.within), "scope": cap.scope}
    return Rejected("frequency_capped", message, param="account", details={"cap": shown, "frees_at": unix(freed)})


def _meetings(draft: Layer, account: Account) -> Meetings:
    known = draft.find(Meetings, account.id)
    if known is None and not draft.declares(Meetings, account.id):
        raise AlsoRows(Meetings, [account.id])
    return known or Meetings(account.id)


def _is_counted(draft: Layer, met: Met, cap: FrequencyCap, campaign_id: str, group: str | None) -> bool:
    """Whether it was in the campaign, in one of its group, or in any of the program."""
    if cap.scope == "campaign":
        return met.campaign_id == campaign_id
    return cap.scope == "program" or _group_of(draft, met) == group


def _group_of(draft: Layer, met: Met) -> str | None:
    said = definition_by(draft, met.campaign_id, met.revision)
    return said.group if said is not None else None


def note_meeting(draft: Layer, enrolment: Enrolment, of: CappedKind, *, at: datetime) -> None:
    """The batch's later decisions count this entry, or this message, where any of them counts."""
    known = draft.find(Meetings, enrolment.account_id)
    if known is None and not draft.declares(Meetings, enrolment.account_id):
        return
    known = known or Meetings(enrolment.account_id)
    met = Met(enrolment.campaign_id, enrolment.revision, at)
    if of == "entries":
        draft.put(replace(known, entries=(*known.entries, met)))
    else:
        draft.put(replace(known, messages=(*known.messages, met)))
