"""A family changes its mind: other seats, another slot of the same venue."""

import httpx

from tests.acceptance.house import in_shanghai, person, stated
from tests.races.rush import fresh_slot
from tests.stack import Stack


async def test_a_family_moves_to_another_slot_and_its_calendar_moves_along(stack: Stack):
    old, new = await fresh_slot(stack, capacity=5), await fresh_slot(stack, capacity=5)
    family = person(stack, "family", 360)
    kept = await family.reserve(old, 2)
    before = await family.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")

    status, moved = await family.ask(
        "PATCH", f"/api/v1/reservations/{kept['id']}", {"slot_id": new, "seats": 3}
    )

    assert status == 200
    assert (moved["id"], moved["slot_id"], moved["seats"]) == (kept["id"], new, 3)
    starts_at = in_shanghai((await stated(stack, new)).starts_at)
    after = await family.event(kept["id"], lambda event: event.start == starts_at)
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    letters = await family.letters(kept["id"], 2)
    assert "预约已更改" in str(letters[1]["Subject"])
    for slot, taken in ((old, 0), (new, 3)):
        _, shown = await family.ask("GET", f"/api/v1/slots/{slot}")
        assert shown["remaining"] == 5 - taken


async def test_what_is_not_possible_leaves_everything_as_it_was(stack: Stack):
    slot, full = await fresh_slot(stack, capacity=2), await fresh_slot(stack, capacity=1)
    family, other = person(stack, "family", 361), person(stack, "family", 362)
    kept = await family.reserve(slot)
    await other.reserve(full)
    path = f"/api/v1/reservations/{kept['id']}"
    elsewhere = await fresh_slot(stack, capacity=5, venue=3)
    for amendment, code in (
        ({"seats": 3}, "insufficient_capacity"),
        ({"slot_id": full}, "slot_full"),
        ({"slot_id": elsewhere}, "another_venue"),
    ):
        status, problem = await family.ask("PATCH", path, amendment)
        assert status == 409
        assert [refusal["code"] for refusal in problem["refusals"]] == [code]
    assert (await family.ask("PATCH", path, {"seats": 0}))[0] == 422
    assert (await family.ask("PATCH", path, {"colour": "red"}))[0] == 422
    assert (await other.ask("PATCH", path, {"seats": 2}))[0] == 404
    now = await family.reservation(kept["id"])
    assert (now["status"], now["seats"], now["slot_id"]) == ("confirmed", 1, slot)


async def test_a_refusal_names_other_slots_that_have_the_seats(stack: Stack):
    full = await fresh_slot(stack, capacity=1)
    near, small = await fresh_slot(stack, capacity=4), await fresh_slot(stack, capacity=1)
    first, late = person(stack, "family", 363), person(stack, "family", 364)
    await first.reserve(full)

    wish = {"slot_id": full, "seats": 1, "waitlist": False}
    status, problem = await late.ask("POST", "/api/v1/reservations", wish)

    assert (status, problem["refusals"]) == (409, [{"code": "slot_full"}])
    ways = [way["id"] for way in problem["alternatives"]]
    assert 1 <= len(ways) <= 5
    assert full not in ways
    wish = {"slot_id": full, "seats": 3, "waitlist": False}
    _, problem = await late.ask("POST", "/api/v1/reservations", wish)
    ways = [way["id"] for way in problem["alternatives"]]
    assert small not in ways
    assert all(way["remaining"] >= 3 for way in problem["alternatives"])
    kept = await late.reserve(near)
    _, problem = await late.ask("POST", "/api/v1/reservations", {"slot_id": near, "seats": 1})
    assert problem["refusals"][0] == {"code": "already_reserved", "reservation": kept["id"]}
    assert problem["alternatives"] == []


async def test_a_family_changes_its_number_on_the_page(stack: Stack):
    slot = await fresh_slot(stack, capacity=3)
    family = person(stack, "family", 365)
    kept = await family.reserve(slot)
    account = stack.accounts("family")[365]
    page = f"/my/reservations/{kept['id']}"
    async with httpx.AsyncClient(base_url=stack.url) as browser:
        known = {"login": account["login"], "password": account["password"]}
        assert (await browser.post("/login", data=known)).status_code == 303
        assert "改人数" in (await browser.get(page)).text
        assert (await browser.post(f"{page}/seats", data={"seats": "3"})).status_code == 303
        assert (await family.reservation(kept["id"]))["seats"] == 3
        refused = await browser.post(f"{page}/seats", data={"seats": "4"})
        assert (refused.status_code, "预约还和原来一样" in refused.text) == (409, True)
        wrong = await browser.post(f"{page}/seats", data={"seats": "zwei"})
        assert (wrong.status_code, "请填" in wrong.text) == (422, True)
    assert (await family.reservation(kept["id"]))["seats"] == 3
