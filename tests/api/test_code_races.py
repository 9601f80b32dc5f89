"""Races of codes over two server processes: one use is used once, and one key has one holder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from test_races import Field, field, posting

from vinr_server.storage.laws.verify import verify

assert field, "the fixture of the two servers"


def coded_offer(field: Field, **limits: int) -> str:
    """A new offer of carts that requires a code."""
    offer = {"name": "Ten", "type": "fixed_discount", "value": 1000, "requires_code": True, **limits}
    return str(field.post("/v1/offers", offer)["id"])


def cart(code: str, price: int, **customer: str) -> dict[str, object]:
    """A cart that presents a code."""
    return {"currency": "EUR", "lines": [{"sku": "tea", "unit_price": price}], "codes": [code], **customer}


class TestSessions:
    def test_of_distinct_carts_hold_a_single_use_once(self, field: Field) -> None:
        code = field.post("/v1/engagement/codes", {"offer": coded_offer(field), "max_redemptions": 1})
        carts = [cart(code["code"], 2000 + number) for number in range(64)]

        answers = field.race([posting("/v1/checkout/sessions", body) for body in carts])

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 63}
        refused = [answer.json()["error"] for answer in answers if answer.status_code == 409]
        assert {error["code"] for error in refused} == {"code_not_applicable"}
        assert {error["details"]["codes"][0]["reason"] for error in refused} == {"code_held"}
        (won,) = (answer.json() for answer in answers if answer.status_code == 201)
        assert {error["details"]["codes"][0]["frees_at"] for error in refused} == {won["expires_at"]}

    def test_of_one_member_with_two_codes_of_an_offer_are_one(self, field: Field) -> None:
        # CAMPAIGNS scenario 19: the member's limit counts over all codes of the offer.
        offer, customer = coded_offer(field, per_member_limit=1), field.fresh("cust_two")
        codes = [field.post("/v1/engagement/codes", {"offer": offer})["code"] for _ in range(2)]
        carts = [cart(code, 3000 + at, customer=customer) for at, code in enumerate(codes * 4)]

        answers = field.race([posting("/v1/checkout/sessions", body) for body in carts])

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        assert verify(field.servers[0].database_url).disagreements == []


class TestSteps:
    def test_of_many_members_give_each_a_code_of_its_own(self, field: Field) -> None:
        batch = field.post("/v1/engagement/code_batches", {"offer": coded_offer(field), "name": "Few"})["id"]
        texts = [f"{batch[4:]}-{number:02}" for number in range(40)]
        field.post(f"/v1/engagement/code_batches/{batch}/import", {"codes": texts})
        members = [member["id"] for member in field.members(56)]
        campaign = launch(field, {"kind": "issue_code", "batch": batch, "expires_in": "14d"}, members)

        field.race([posting("/v1/loyalty/points/award", {"account": member, "points": 1}) for member in members])

        passages = enrolments(field, campaign)
        given = [one["log"][0]["effect"]["code"] for one in passages if one["log"][0]["outcome"] == "done"]
        assert sorted(given) == texts
        skipped = [one["log"][0]["refusal"]["code"] for one in passages if one["log"][0]["outcome"] == "skipped"]
        assert skipped == ["codes_exhausted"] * 16
        shown = field.clients[0].get(f"/v1/engagement/code_batches/{batch}").json()
        assert (shown["assigned"], shown["unassigned"]) == (40, 0)
        assert verify(field.servers[0].database_url).disagreements == []

    def test_make_a_code_for_each_member(self, field: Field) -> None:
        batch = field.post("/v1/engagement/code_batches", {"offer": coded_offer(field), "name": "Made"})["id"]
        members = [member["id"] for member in field.members(48)]
        campaign = launch(field, {"kind": "issue_code", "batch": batch}, members)

        field.race([posting("/v1/loyalty/points/award", {"account": member, "points": 1}) for member in members])

        codes = {one["log"][0]["effect"]["code"] for one in enrolments(field, campaign)}
        assert len(codes) == 48
        assert field.clients[0].get(f"/v1/engagement/code_batches/{batch}").json()["made"] == 48
        assert verify(field.servers[0].database_url).disagreements == []

    def test_give_no_more_points_than_the_campaign_has(self, field: Field) -> None:
        members = [member["id"] for member in field.members(56)]
        budget = {"points": 250, "period": "year"}
        campaign = launch(field, {"kind": "award_points", "points": 10}, members, budget=budget)

        field.race([posting("/v1/loyalty/points/award", {"account": member, "points": 1}) for member in members])

        outcomes = Counter(one["log"][0]["outcome"] for one in enrolments(field, campaign))
        assert outcomes == {"done": 25, "skipped": 31}
        events = field.clients[0].get("/v1/events", params={"type": "campaign.budget_exhausted"}).json()["data"]
        assert [event["data"]["remaining"] for event in events if event["data"]["campaign"] == campaign] == [0]
        assert verify(field.servers[0].database_url).disagreements == []


def launch(field: Field, step: dict[str, object], members: Sequence[str], **more: object) -> str:
    """A campaign of one step, which these members have entered; nobody has taken the step yet."""
    definition = {"entry": {}, "start": "step", "steps": {"step": step}, **more}
    body = {"program": field.program, "name": "Race", "definition": definition}
    campaign = str(field.post("/v1/engagement/campaigns", body)["id"])
    field.post(f"/v1/engagement/campaigns/{campaign}/publish", {})
    field.race([posting(f"/v1/engagement/campaigns/{campaign}/enter", {"account": member}) for member in members])
    return campaign


def enrolments(field: Field, campaign: str) -> list[dict[str, Any]]:
    """All enrollments of a campaign, each with its log."""
    url = "/v1/engagement/enrolments"
    listed = field.clients[0].get(url, params={"campaign": campaign, "limit": 100}).json()["data"]
    return [field.clients[0].get(f"{url}/{one['id']}").json() for one in listed]


class TestKeys:
    def test_taken_at_once_have_one_holder(self, field: Field) -> None:
        offer = coded_offer(field)
        account = field.post("/v1/loyalty/programs", {"name": "Friends"})["id"]
        field.post("/v1/referrals/programs", {"program": account})
        member = field.post("/v1/loyalty/accounts", {"program": account, "customer": field.fresh("cust_ada")})["id"]
        texts = ["ada-2026", "ADA 2026", "Ada2026", "ADA2026"]
        calls = [posting("/v1/engagement/codes", {"offer": offer, "code": text}) for text in texts * 3]
        calls += [posting("/v1/referrals/codes", {"account": member, "code": "ADA-2026"})] * 4

        answers = field.race(calls)

        made = [answer for answer in answers if answer.status_code in (200, 201)]
        refused = [answer.json()["error"]["code"] for answer in answers if answer.status_code == 409]
        assert Counter(answer.status_code for answer in made)[201] == 1
        assert set(refused) == {"code_taken"}

    def test_pass_on_once(self, field: Field) -> None:
        offer = coded_offer(field)
        old = field.post("/v1/engagement/codes", {"offer": offer, "code": "SPRING"})
        field.post(f"/v1/engagement/codes/{old['id']}", {"active": False})

        answers = field.race([posting("/v1/engagement/codes", {"offer": offer, "code": "spring"})] * 8)

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        assert field.clients[0].get(f"/v1/engagement/codes/{old['id']}").json()["status"] == "replaced"
        assert verify(field.servers[0].database_url).disagreements == []


class TestGuessing:
    def test_over_two_processes_shuts_out_one_client_and_no_other(self, field: Field) -> None:
        code = field.post("/v1/engagement/codes", {"offer": coded_offer(field)})["code"]

        def reasons(client: str, text: str) -> list[str]:
            body = {**cart(text, 2000), "client": client}
            both = field.clients[:2]  # one of each server
            answers = [one.post("/v1/checkout/evaluate", json=body).json()["codes"][0] for one in both]
            return [answer.get("reason", answer["status"]) for answer in answers]

        asked = [reasons("guesser", f"guess-{number}") for number in range(6)]

        assert asked[:5] == [["code_unknown", "code_unknown"]] * 5
        assert asked[5][0] == "code_attempts_exceeded"
        time.sleep(1)  # over all processes within a second (R65)
        assert reasons("guesser", code) == ["code_attempts_exceeded"] * 2
        assert reasons("another", code) == ["applied"] * 2
        lookup = field.clients[0].post("/v1/engagement/codes/lookup", json={"code": code, "client": "guesser"})
        assert (lookup.status_code, lookup.json()["error"]["code"]) == (429, "code_attempts_exceeded")
        assert int(lookup.headers["retry-after"]) > 400
