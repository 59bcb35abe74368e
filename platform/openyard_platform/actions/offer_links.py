"""Answering an offer by the link in its mail: the link is the right to do just that."""

import datetime as dt

from msgspec import Struct

from openyard_events.commands import AcceptOffer, DeclineOffer, Outcome
from openyard_platform import ids
from openyard_platform.actions import reservations
from openyard_platform.actions.reservations import Desk, Queued
from openyard_platform.domain import offer_links as domain
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.offer_links import OfferLink, Standing
from openyard_platform.store import offer_links as records
from openyard_platform.store.offer_links import Linked


class Seen(Struct, frozen=True, kw_only=True):
    """A link's reservation, and what has become of the offer it was made for."""

    link: OfferLink
    it: Linked
    standing: Standing


async def look(secret_key: str, token: str, now: dt.datetime) -> Seen:
    """What a link speaks of; nothing changes.

    Raises:
        NotFound: the link is none of ours, or what it spoke of is over and gone.
    """
    link = domain.read(secret_key, token)
    found = None if link is None else await records.linked(link.reservation_id)
    if link is None or found is None or found.ends_at <= now:
        raise NotFound("This link leads nowhere.", code="offer_link_unknown")
    standing = domain.standing(
        link,
        status=found.status,
        expires_at=found.offer_expires_at,
        slot_status=found.slot_status,
        now=now,
    )
    return Seen(link=link, it=found, standing=standing)


async def answer(desk: Desk, seen: Seen, *, accept: bool) -> Outcome | Queued | None:
    """Take the seats, or let them go. None: the offer is not open, and nothing was asked.

    A link answers its own offer only: what else accepting can mean (yes to a slot that was moved
    meanwhile) is for who is logged in.

    Raises:
        Refused: the decider says no, with the reasons.
        Unavailable: not accepted; it stands as it was.
    """
    if seen.standing is not Standing.OPEN:
        return None
    command = (AcceptOffer if accept else DeclineOffer)(
        id=ids.new(),
        reservation_id=seen.it.id,
        account_id=seen.it.account_id,
        holder_id=seen.it.holder_id,
    )
    partition = await desk.partition_of(seen.it.slot_id)
    return await reservations.hand_in(desk, partition, command)
