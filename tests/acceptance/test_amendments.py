"""A family changes its mind: other seats, another slot of the same venue."""

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
