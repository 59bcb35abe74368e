"""What NATS itself keeps a venue from: it hears so, and the message is nowhere."""

import uuid

import pytest

from openyard_events.publisher import PublishRefused
from openyard_events.subjects import BadToken
from tests.acceptance.bad_messages import ROOM, raw
from tests.acceptance.house import count, last_of_venue, publisher, with_space
from tests.acceptance.wire import Wire
from tests.stack import Stack


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return with_space(stack, ROOM)[0]


@pytest.fixture(scope="module")
def other(stack: Stack) -> str:
    return with_space(stack, ROOM)[1]


@pytest.mark.parametrize(
    "subject", ["venue.*.slot.offered", "venue.>", "venue.{other}.slot.offered"]
)
@pytest.mark.parametrize("verb", ["publish", "subscribe"])
async def test_another_venues_subjects_are_closed(
    stack: Stack, key: str, other: str, subject: str, verb: str
):
    await closed(stack, key, subject.format(other=other), verb)


@pytest.mark.parametrize(
    ("subject", "verb"),
    [
        ("receipt.{other}.x", "publish"),
        ("receipt.{key}.forged", "publish"),
        ("receipt.{other}.>", "subscribe"),
        ("receipt.>", "subscribe"),
        (">", "subscribe"),
        ("_INBOX_{other}.>", "subscribe"),
        ("_INBOX.>", "subscribe"),
        ("command.0", "publish"),
        ("command.*", "subscribe"),
        ("reply.>", "subscribe"),
        ("fact.yufeng.slot.opened", "publish"),
        ("fact.>", "subscribe"),
        ("auth.revoked", "publish"),
        ("$JS.API.STREAM.PURGE.VENUE", "publish"),
        ("$JS.API.STREAM.NAMES", "publish"),
        ("$SYS.REQ.SERVER.PING", "publish"),
    ],
)
async def test_what_is_not_its_own_is_closed_to_a_venue(
    stack: Stack, key: str, other: str, subject: str, verb: str
):
    await closed(stack, key, subject.format(key=key, other=other), verb)


async def closed(stack: Stack, key: str, subject: str, verb: str) -> None:
    """NATS itself says so, and the message is nowhere."""
    before = (await count(stack, "receipt"), await last_of_venue(stack))
    async with Wire(stack, key) as wire:
        if verb == "publish":
            await wire.publish(subject, raw(), {"ce-id": uuid.uuid4().hex})
        else:
            await wire.subscribe(subject)
        await wire.settled()
        (complaint,) = wire.complaints
    word = "Publish" if verb == "publish" else "Subscription"
    assert complaint == f"'Permissions Violation for {word} to \"{subject}\"'"
    assert (await count(stack, "receipt"), await last_of_venue(stack)) == before


async def test_a_publisher_hears_that_it_may_not_speak_for_another(
    stack: Stack, key: str, other: str
):
    before = await last_of_venue(stack)
    known = stack.venues[key]
    mine = publisher(stack, sorted(stack.venues).index(key))
    for name in ("*", ">", "a b", "museum.hall", "", "馆"):
        with pytest.raises(BadToken):
            type(mine)(stack.nats_address, name)
    with pytest.raises(PublishRefused, match="ermissions"):
        async with type(mine)(
            stack.nats_address, other, user=known["nats_user"], password=known["nats_password"]
        ):
            pass
    assert await last_of_venue(stack) == before
