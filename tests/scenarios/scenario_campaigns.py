"""Steps and expectations about campaigns: a definition in one line, and where members stand in it.

journey care, enters cart.left, again after 7d, step tell send hi, step calm wait 7d to last, step last exit lost
step NAME send EVENT | award 200 [back|keep] | reward rwd_mug | mark key=value | exit OUTCOME | wait 7d
    | wait 2h for payment.completed to thanks [else nudge] | wait 1d at 09:00 [on mon tue] | wait until INSTANT
    | branch tier gold to a [else b] | split a 5000 to x b 5000 to y, each with [to NEXT] [refused NEXT]
    | code post 14d | raw KIND [key=value]; send also with [capped NEXT]

challenge three, counts payment.completed min 10.00 EUR, target 3, within 30d, repeat 12, step bonus award 500
counts EVENT [min 10.00 EUR | metadata key=value] [amount data.key], target 3 [sum|days|streak], within 30d [from entry]
    | within calendar month, a-day 1, repeat 2|ever, grace 2d, streak week [min 2] [freezes 1], expires STEP,
    enters contribution|call|EVENT
journey care, holdout 5000, goal payment.completed within 30d [exit] [min 20.00 EUR]
    , cap messages 2 within 7d [program|group], sends 08:00 to 21:00, rate 2 (a minute, of many at once)
"""

from __future__ import annotations

from typing import Any

import msgspec
from scenario_checkout import budget_of
from scenario_drivers import Answer
from scenario_language import Clauses, Words, data_of, instant, listed, pairs, wire_instant
from scenario_world import World

from vinr_server.core.campaigns.rows import Enrolment, EnrolmentStep, Reached
from vinr_server.core.kernel.rows import Counter

Json = dict[str, Any]


def challenge(world: World, words: Words, clauses: Clauses) -> Answer:
    """As a journey, of the other type."""
    return _campaign(world, words, clauses, type="challenge")


def journey(world: World, words: Words, clauses: Clauses) -> Answer:
    """A campaign is drafted and, unless it says `draft`, published; said again, it has another draft."""
    return _campaign(world, words, clauses, type="journey")


def _campaign(world: World, words: Words, clauses: Clauses, *, type: str) -> Answer:
    (name,) = words
    is_draft = clauses.has("draft")
    body: Json = {"definition": _definition(clauses)}
    for end in ("from", "until"):
        if at := clauses.word(end):
            body["starts_at" if end == "from" else "ends_at"] = wire_instant(at)
    if priority := clauses.word("priority"):
        body["priority"] = int(priority)
    program = clauses.word("in")
    if name in world.campaigns:
        answer = world.call("update_campaign", body, id=world.campaigns[name])
    else:
        created = {"id": f"cmp_{name}", "name": name, "type": type, "program": world.program(program), **body}
        answer = world.call("create_campaign", created)
        world.campaigns[name] = f"cmp_{name}"
    return answer if is_draft or answer.code is not None else publish(world, words, Clauses(()))


def publish(world: World, words: Words, clauses: Clauses) -> Answer:
    """`publish care, move, map calm=late`: the draft of a campaign is its next revision."""
    body: Json = {"members": "move"} if clauses.has("move") else {}
    if clauses.has("present"):
        body["present_members"] = True
    if ways := clauses.one("map"):
        body["map"] = pairs(ways)
    return world.call("publish_campaign", body, id=world.campaigns[words[0]])


def stop(world: World, words: Words, clauses: Clauses) -> Answer:
    """`campaign pause care`: a campaign is paused, resumed or archived."""
    what, name = words
    body = {"waits": "run"} if clauses.has("run") else {"members": "exit"} if clauses.has("exit") else {}
    return world.call(f"{what}_campaign", body, id=world.campaigns[name])


def enter(world: World, words: Words, clauses: Clauses) -> Answer:
    """`enter A care, data key=value`: a member enters by a call; the passage is named by both from now on.

    `enter segment vip care`: all who are in it.
    """
    *_segment, name, campaign = words
    body: Json = {"segment": name} if len(words) == 3 else {"account": world.member(name).id}
    if data := clauses.one("data"):
        body["data"] = data_of(data)
    answer = world.call("enter_campaign", body, id=world.campaigns[campaign])
    if "account" in body:
        world.note(world.enrolments, clauses.word("as") or f"{name}.{campaign}", answer)
    return answer


def leave_campaign(world: World, words: Words, clauses: Clauses) -> Answer:
    """`exit A care`: a passage is ended by a call."""
    return world.call("exit_enrolment", {}, id=_passage(world, *words).id)


def _passages(world: World, name: str, campaign: str) -> list[Any]:
    """The member's passages through a campaign, the oldest first."""
    mine = world.members[name].id
    found = [row for row in world.driver.rows(Enrolment) if row.account_id == mine]
    found = [row for row in found if row.campaign_id == world.campaigns[campaign]]
    return sorted(found, key=lambda row: (row.entered_at, row.id))


def _passage(world: World, name: str, campaign: str) -> Any:
    found = _passages(world, name, campaign)
    assert found, f"{name} was never in {campaign}"
    return found[-1]


def _definition(clauses: Clauses) -> Json:
    definition: Json = {"entry": {}}
    if enters := clauses.one("enters"):
        definition["entry"] = {"event": {"type": enters[0], **_asking(enters[1:])}}
        if enters[0] in ("contribution", "call"):
            definition["entry"] = {"contribution": enters[0] == "contribution"}
    if counts := clauses.one("counts"):
        definition["progress"] = _progress(counts, clauses)
    if segment := clauses.word("enters-segment"):
        definition["entry"] = {"segment": segment}
    if when := clauses.one("enters-schedule"):
        definition["entry"] = {"schedule": _schedule(list(when))}
    if age := clauses.word("max-age"):
        definition["entry"]["max_age"] = age
    if member := clauses.one("member"):
        definition["entry"]["member"] = _member(member)
    if again := clauses.one("again"):
        if again[0] == "after":
            definition["reentry"] = {"mode": "after_exit", **({"cooldown": again[1]} if len(again) > 1 else {})}
        else:
            definition["reentry"] = {"mode": "per_key", "key_from": again[1]}
    if group := clauses.word("group"):
        definition["group"] = group
    if exits := clauses.every("leaves"):
        definition["exit_when"] = [
            {"left_segment": words[1]} if words[0] == "segment" else {"event": {"type": words[1], **_asking(words[2:])}}
            for words in exits
        ]
    if announced := clauses.one("announces"):
        definition["announce"] = list(announced)
    definition |= _measures(clauses)
    definition |= budget_of(clauses)
    steps = clauses.every("step")
    definition["start"] = steps[0][0] if steps else "nowhere"
    definition["steps"] = {id: _step(kind, list(rest)) for id, kind, *rest in steps}
    return definition


def _schedule(words: list[str]) -> Json:
    """`once 2026-01-20 at 10:00`, `day at 10:00 in vip`, `week mon wed at 10:00`, `month 31 at 10:00`."""
    segment, at = _taken(words, "in"), _taken(words, "at")
    every, *rest = words
    when: Json = {"segment": segment} if segment else {}
    if every == "week":
        when["days"] = rest
    elif rest:
        when |= {"on": rest[0]} if every == "once" else {"day": int(rest[0])}
    return {"every": every, "at": at, **when}


def _progress(counts: Words, clauses: Clauses) -> Json:
    """`counts payment.completed min 10.00 EUR`, with the clauses beside it."""
    words = list(counts)
    amount_from = _taken(words, "amount")
    of = {"event": words[0], **_asking(tuple(words[1:])), **({"amount_from": amount_from} if amount_from else {})}
    target = clauses.one("target") or ("1",)
    progress: Json = {"of": of, "measure": target[1] if len(target) > 1 else "count", "target": int(target[0])}
    if within := clauses.one("within"):
        is_calendar = within[0] == "calendar"
        progress["window"] = {"calendar": within[1]} if is_calendar else {"for": within[0]}
        if within[1:] == ("from", "entry"):
            progress["window"]["from"] = "entry"
    if a_day := clauses.word("a-day"):
        progress["max_per_day"] = int(a_day)
    if repeat := clauses.word("repeat"):
        progress["repeat"] = None if repeat == "ever" else int(repeat)
    if grace := clauses.word("grace"):
        progress["grace"] = grace
    if streak := clauses.one("streak"):
        rest = list(streak[1:])
        named = {name: int(rest[rest.index(name) + 1]) for name in ("min", "freezes") if name in rest}
        progress["streak"] = {"every": streak[0], **named}
    if expires := clauses.word("expires"):
        progress["on_expire"] = expires
    return progress


def _measures(clauses: Clauses) -> Json:
    """Who is held out, what the campaign is for, and how often and when members are met."""
    measures: Json = {}
    if holdout := clauses.word("holdout"):
        measures["holdout"] = int(holdout)
    if goal := clauses.one("goal"):
        type, _within, within, *rest = goal
        is_exit = rest[:1] == ["exit"]
        event = {"type": type, **_asking(tuple(rest[is_exit:]))}
        measures["goal"] = {"event": event, "within": within, "exit": is_exit}
    if caps := clauses.every("cap"):
        measures["caps"] = [
            {"of": of, "max": int(most), "within": within, "scope": (*scope, "campaign")[0]}
            for of, most, _within, within, *scope in caps
        ]
    if rate := clauses.word("rate"):
        measures["entry_rate"] = int(rate)
    if hours := clauses.one("sends"):
        measures["send_window"] = {"from": hours[0], "to": hours[2]}
    return measures


def _asking(words: Words) -> Json:
    """`min 20.00 EUR`, `data plan=gold`: what is asked of an event."""
    if not words:
        return {}
    if words[0] == "min":
        return {"conditions": {"min_amount": round(float(words[1]) * 100), "currency": words[2]}}
    assert words[0] == "metadata", words
    return {"conditions": {"metadata": pairs(words[1:])}}


def _member(words: Words) -> Json:
    """`tier gold`, `balance 500`, `metadata key=value`, `segment vip`, `payments 2 in 30` days."""
    kind, *rest = words
    if kind == "tier":
        return {"tier": list(rest)}
    if kind == "balance":
        return {"balance": {"gte": int(rest[0])}}
    if kind == "metadata":
        return {"metadata": pairs(tuple(rest))}
    if kind == "payments":
        return {"payments": {"gte": int(rest[0]), "days": int(rest[2])}}
    if kind == "segment":
        return {"segment": list(rest)}
    if kind == "entry":
        return {"entry": _asking(tuple(rest))["conditions"]}
    if kind == "offer":
        return {"offer": {"id": f"ofr_{rest[0]}", "state": rest[1]}}
    assert kind == "step", kind
    return {"step": {"id": rest[0], "outcome": rest[1]}}


def _taken(words: list[str], name: str) -> str | None:
    """The word after this one, both taken out of the words."""
    if name not in words:
        return None
    place = words.index(name)
    word = words[place + 1]
    del words[place : place + 2]
    return word


def _step(kind: str, rest: list[str]) -> Json:
    if kind == "split":
        ways = [rest[n : n + 4] for n in range(0, len(rest), 4)]
        return {"kind": "split", "ways": [{"name": w[0], "share": int(w[1]), "next": w[3]} for w in ways]}
    if kind == "branch":
        otherwise = _taken(rest, "else")
        target = _taken(rest, "to")
        case: Json = {"if": _member(tuple(rest)), "next": target}
        return {"kind": "branch", "when": [case], **({"else": otherwise} if otherwise else {})}
    step: Json = {}
    refused = _taken(rest, "refused")
    step |= {"on_refused": refused} if refused else {}
    capped = _taken(rest, "capped")
    step |= {"on_capped": capped} if capped else {}
    if kind == "wait":
        return {**step, **_wait(rest)}
    target = _taken(rest, "to")
    step |= {"next": target} if target else {}
    if kind == "send":
        data = pairs(tuple(rest[1:]))
        refs = {key: {"$ref": value[1:]} if str(value).startswith("@") else value for key, value in data.items()}
        return {"kind": "send_event", "name": rest[0], **({"data": refs} if refs else {}), **step}
    if kind == "award":
        words = {"back": "entry_payment", "keep": "none", "counted": "contributions"}
        clawback = words.get(rest[1] if len(rest) > 1 else "")
        return {"kind": "award_points", "points": int(rest[0]), **({"clawback": clawback} if clawback else {}), **step}
    if kind == "grant":
        return {
            "kind": "grant_offer",
            "offer": f"ofr_{rest[0]}",
            **({"valid_for": rest[1]} if rest[1:] else {}),
            **step,
        }
    if kind == "code":
        lasts = {"expires_in": rest[1]} if rest[1:] else {}
        return {"kind": "issue_code", "batch": f"cbt_{rest[0]}", **lasts, **step}
    if kind == "reward":
        return {"kind": "issue_reward", "reward": rest[0], **step}
    if kind == "mark":
        return {"kind": "set_metadata", "account": pairs(tuple(rest)), **step}
    if kind in ("join", "leave"):
        return {"kind": "set_metadata", "segments": {"add" if kind == "join" else "remove": rest}, **step}
    if kind == "exit":
        return {"kind": "exit", "outcome": rest[0]}
    assert kind == "raw", kind
    return {"kind": rest[0], **pairs(tuple(rest[1:])), **step}


def _wait(rest: list[str]) -> Json:
    """`7d to x` | `2h for payment.completed[,…] to thanks else nudge` | `1d at 09:00 on mon` | `until INSTANT`."""
    step: Json = {"kind": "wait"}
    event, otherwise, target = _taken(rest, "for"), _taken(rest, "else"), _taken(rest, "to")
    if since := _taken(rest, "since"):
        step["since"] = since
    if same := _taken(rest, "same"):
        step["same"] = [same]
    times = _taken(rest, "times")
    if event is not None:
        awaited: Json = {"type": event, **({"next": target} if target else {})}
        awaited |= {"same": step.pop("same")} if "same" in step else {}
        awaited |= {"count": int(times)} if times else {}
        step |= {"events": [awaited], "timeout": rest[0]}
        return step | ({"timeout_next": otherwise} if otherwise else {})
    step |= {"next": target} if target else {}
    if until := _taken(rest, "until"):
        return {**step, "until": wire_instant(until)}
    if zone := _taken(rest, "zone_from"):
        step["zone_from"] = zone
    if at := _taken(rest, "at"):
        step["at"] = at
    if "on" in rest:
        place = rest.index("on")
        step["days"], rest = rest[place + 1 :], rest[:place]
    return step | ({"for": rest[0]} if rest else {})


def problems(view: Any, words: Words) -> tuple[Any, Any]:
    """`problems start + steps.tell.next`: where what stands in the way of publishing is."""
    found = [problem["path"] for problem in view.answer.details.get("problems", [])]
    return [word for word in words if word not in ("+", "none")], found


def at(view: Any, words: Words) -> tuple[Any, Any]:
    """`at A care calm`: the step at which the member's last passage stands, `over lost`, `held out`, or `nowhere`."""
    name, campaign, *wanted = words
    found = _passages(view.world, name, campaign)
    stands = "nowhere"
    if found:
        is_held_out = found[-1].status == "holdout"
        stands = "held out" if is_held_out else found[-1].step or f"over {found[-1].outcome}"
    return " ".join(wanted), stands


def converted(view: Any, words: Words) -> tuple[Any, Any]:
    """`converted A care 2026-01-15T12:00Z 20.00`: when what converted it occurred, what was paid; or `no`."""
    name, campaign, *wanted = words
    row = _passage(view.world, name, campaign)
    # PostgreSQL's rows hold JSON as it was read.
    goals = [one if isinstance(one, Reached) else msgspec.convert(one, Reached) for one in row.goals]
    last = next((one for one in goals if one.event_id == row.converted), None)
    if last is None or wanted == ["no"]:
        return wanted, ["no"] if last is None else [str(last.at)]
    paid = [last.amount_minor] if wanted[1:] else []
    return [instant(wanted[0]), *(round(float(amount) * 100) for amount in wanted[1:])], [last.at, *paid]


def goal_ends(view: Any, words: Words) -> tuple[Any, Any]:
    """`goal_ends A care 2026-02-14`: until when the member's last passage can be converted."""
    name, campaign, when = words
    return instant(when), _passage(view.world, name, campaign).goal_until


def due(view: Any, words: Words) -> tuple[Any, Any]:
    """`due A care 2026-01-15T12:00Z`: when the member's passage goes on."""
    name, campaign, when = words
    return instant(when), _passage(view.world, name, campaign).due_at


def passages(view: Any, words: Words) -> tuple[Any, Any]:
    """`passages A care 2`: how often the member has entered."""
    name, campaign, count = words
    return int(count), len(_passages(view.world, name, campaign))


def scans(view: Any, words: Words) -> tuple[Any, Any]:
    """`scans care done missed`: what has become of the campaign's scans, the earliest first."""
    name, *wanted = words
    shown = view.world.driver.scans(view.world.campaigns[name])
    return wanted, [scan["status"] for scan in reversed(shown)]


def log(view: Any, words: Words) -> tuple[Any, Any]:
    """`log A care tell done + calm waited`: the steps that the member's last passage took, with what came of them."""
    name, campaign, *wanted = words
    last = _passage(view.world, name, campaign)
    rows = [row for row in view.world.driver.rows(EnrolmentStep) if row.enrolment_id == last.id]
    return listed(tuple(wanted)), [f"{row.step} {row.outcome}" for row in sorted(rows, key=lambda row: row.position)]


def took(view: Any, words: Words) -> tuple[Any, Any]:
    """`took A care calm 2026-01-15T12:00Z`: the instant as of which a step was taken."""
    name, campaign, step, when = words
    last = _passage(view.world, name, campaign)
    rows = [row for row in view.world.driver.rows(EnrolmentStep) if row.enrolment_id == last.id and row.step == step]
    return instant(when), rows[0].at


def gives(view: Any, words: Words) -> tuple[Any, Any]:
    """`gives care 2026-01 200`: what all counters of a campaign's budget say of a period."""
    name, period, most = words
    beginning, ends = ("budget:", tuple(f":cmp_{name}.{measure}:{period}" for measure in ("points", "uses")))
    rows = [row for row in view.world.driver.rows(Counter) if row.id.startswith(beginning) and row.id.endswith(ends)]
    return int(most), sum(row.used for row in rows)


def revoked(view: Any, words: Words) -> tuple[Any, Any]:
    """`revoked A care 50 withdrawn 2 kept 1`: the points that went back with the entry's payment, and how much else."""
    name, campaign, points, _withdrawn, withdrawn, _kept, kept = words
    shown = _passage(view.world, name, campaign).revoked
    wanted = (int(points), int(withdrawn), int(kept))
    return wanted, shown and (shown["points"], len(shown["withdrawn"]), len(shown["kept"]))


def messages(view: Any, words: Words) -> tuple[Any, Any]:
    """`messages hello + bye`: what campaigns asked to send by this step, in their order."""
    sent = [event for event in view.new_events() if event.type == "campaign.message"]
    return listed(words), [event.data["name"] for event in sorted(sent, key=lambda event: (event.created_at, event.id))]


def said(view: Any, words: Words) -> tuple[Any, Any]:
    """`said code null`: what stands in the data of the last message of this step."""
    sent = [event for event in view.new_events() if event.type == "campaign.message"]
    value = sorted(sent, key=lambda event: (event.created_at, event.id))[-1].data["data"].get(words[0])
    return words[1], "null" if value is None else str(value)


def did(view: Any, words: Words) -> tuple[Any, Any]:
    """`did care entered + calm unmet`: what campaigns did with the event that the step reports."""
    names = {id: name for name, id in view.world.campaigns.items()}
    shown = view.answer.payload.get("campaigns", [])
    return listed(words), [f"{names[one['campaign']]} {one.get('did', 'unmet')}" for one in shown]


def progress(view: Any, words: Words) -> tuple[Any, Any]:
    """`progress A three 2 of 3`, `… done 1`: how far the member has come by now, as it is read; how often it did."""
    name, campaign, *wanted = words
    shown = view.world.driver.progress(_passage(view.world, name, campaign).id)
    figures = f"{shown['current']} of {shown['target']}"
    return " ".join(wanted), f"{figures} done {shown['completed']}" if "done" in wanted else figures


def offered(view: Any, words: Words) -> tuple[Any, Any]:
    """`offered A three 0 of 3 + weeks 0 of 2`, `offered A none`: the challenges that the member can enter."""
    name, *wanted = words
    names = {id: name for name, id in view.world.campaigns.items()}
    shown = view.world.driver.challenges(view.world.members[name].id)
    figures = [(names[one["campaign"]], one["progress"]) for one in shown]
    return listed(tuple(wanted)), [f"{name} {one['current']} of {one['target']}" for name, one in figures]


def ended(view: Any, words: Words) -> tuple[Any, Any]:
    """`undone 1 500 0 2`: the attempt that was revoked, and how many points, withdrawn and kept its event names."""
    (event,) = [event for event in view.new_events() if event.type == "campaign.revoked"]
    data = event.data
    points = sum(one["points"] for one in data["reversed"])
    return words, (str(data["attempt"]), str(points), str(len(data["withdrawn"])), str(len(data["kept"])))


VERBS: Any = {
    "journey": journey,
    "challenge": challenge,
    "launch": publish,
    "campaign": stop,
    "enter": enter,
    "exit": leave_campaign,
}
CHECKS: Any = {
    "problems": problems,
    "at": at,
    "due": due,
    "passages": passages,
    "scans": scans,
    "log": log,
    "took": took,
    "messages": messages,
    "revoked": revoked,
    "gives": gives,
    "said": said,
    "did": did,
    "progress": progress,
    "offered": offered,
    "undone": ended,
    "converted": converted,
    "goal_ends": goal_ends,
}
