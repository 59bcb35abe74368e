"""What people are told about their reservations, and in which words."""

import datetime as dt
import html
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_calendars.invitation import Method
from openyard_events.contracts import (
    AnyFact,
    ReservationAmended,
    ReservationCancelled,
    ReservationChanged,
    ReservationConfirmed,
    ReservationDisplaced,
    ReservationFact,
    ReservationOffered,
    ReservationOfferExpired,
    ReservationPromoted,
    ReservationWaitlisted,
)
from openyard_platform.domain import day_changes, offer_links, words
from openyard_platform.domain.day_changes import DayChange
from openyard_platform.domain.offer_links import OfferLink
from openyard_platform.domain.reservations import ReservationStatus


class Kind(StrEnum):
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    OFFER_EXPIRED = "offer_expired"
    PROMOTED = "promoted"
    DISPLACED = "displaced"
    CANCELLED = "cancelled"
    AMENDED = "amended"
    SLOT_CHANGED = "slot_changed"
    SLOT_WITHDRAWN = "slot_withdrawn"
    DAY_CHANGED = "day_changed"


_KINDS: dict[type[AnyFact], Kind] = {
    ReservationConfirmed: Kind.CONFIRMED,
    ReservationWaitlisted: Kind.WAITLISTED,
    ReservationOffered: Kind.OFFERED,
    ReservationOfferExpired: Kind.OFFER_EXPIRED,
    ReservationPromoted: Kind.PROMOTED,
    ReservationDisplaced: Kind.DISPLACED,
    ReservationCancelled: Kind.CANCELLED,
    ReservationAmended: Kind.AMENDED,
    ReservationChanged: Kind.SLOT_CHANGED,
}
# What may happen to one reservation again and again.
_AGAIN = frozenset({Kind.SLOT_CHANGED, Kind.AMENDED, Kind.OFFERED, Kind.PROMOTED, Kind.DISPLACED})
# With these the reservation is over.
ENDED = frozenset({Kind.CANCELLED, Kind.SLOT_WITHDRAWN})

_ENCLOSED = {
    Method.REQUEST: "随信附有日历邀请：点“接受”，或打开附件 invite.ics，这一场就进您的日历，以后有"
    "变动会跟着更新。在日历里点“拒绝”或删除，不等于取消预约；不能来，请在“我的预约”里取消。",
    Method.CANCEL: "随信附有日历更新，日历里的这一条会随之取消。",
}


class Occasion(Struct, frozen=True, kw_only=True):
    """A reason to tell somebody something. ``dedupe``: the same however often it comes."""

    kind: Kind
    account_id: UUID
    reservation_id: UUID
    slot_id: UUID
    dedupe: str


class Subject(Struct, frozen=True, kw_only=True):
    """What a message speaks of, as it stands when it is read. ``status``: of the reservation.

    ``offer_expires_at``: while seats are held for it. ``day_change``: where it is about one.
    """

    kind: str
    title: str
    venue: str
    space: str
    address: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    adults: int
    status: str
    reason: str | None
    slot_id: UUID
    reservation_id: UUID
    offer_expires_at: dt.datetime | None = None
    day_change: DayChange | None = None


class Answers(Struct, frozen=True, kw_only=True):
    """Secret addresses of pages that propose to accept an offer, or to let it go."""

    accept: str
    decline: str


class Letter(Struct, frozen=True, kw_only=True):
    subject: str
    text: str
    html: str


def occasion(fact: AnyFact) -> Occasion | None:
    """Whom a fact concerns; None: nobody has to be told.

    A refusal is none: who asked has seen it, with its reasons, in the answer to the request; nor is
    an offer let go, which its holder did.
    """
    kind = _KINDS.get(type(fact))
    if kind is None or not isinstance(fact, ReservationFact):
        return None
    if isinstance(fact, ReservationCancelled) and fact.by == "venue":
        kind = Kind.SLOT_WITHDRAWN
    dedupe = f"{kind}:{fact.reservation_id}"
    if kind in _AGAIN:
        # Everything else happens once.
        dedupe += f":{fact.slot_revision}"
    return Occasion(
        kind=kind,
        account_id=fact.account_id,
        reservation_id=fact.reservation_id,
        slot_id=fact.slot_id,
        dedupe=dedupe,
    )


def headline(kind: str, title: str) -> str:
    """One line: what happened, to what."""
    return f"{words.NOTIFICATION_KINDS.get(kind, kind)}：{' '.join(title.split())}"


def advice(subject: Subject) -> str:
    """What it means, and what to do next."""
    sentences = {
        Kind.CONFIRMED: "名额已为您留好，请按时到场。如不能来，请尽早取消，把名额让给别人。",
        Kind.WAITLISTED: "这一场已满，您在候补名单里。有人退出时按顺序递补，轮到您会马上通知您。",
        Kind.OFFERED: _of_offer(subject.offer_expires_at),
        Kind.OFFER_EXPIRED: "为您保留的名额已过期限，让给了下一位。如还想来，可以重新候补。",
        Kind.PROMOTED: "名额已经是您的了。请按时到场；如不能来，请尽早取消。",
        Kind.DISPLACED: "很抱歉，场馆减少了名额，您这次预约改为候补，排在新来的人前面。"
        "有空位会马上通知您。",
        Kind.CANCELLED: "您的预约已取消，名额已让出。欢迎看看其他场次。",
        Kind.AMENDED: "您的预约已按您的要求更改，以下是最新的场次、时间和人数。",
        Kind.SLOT_CHANGED: "场馆改动了这一场，以下是最新的时间和地点。您的预约仍然保留；如不合适，"
        "可以取消，不计入违约。",
        Kind.SLOT_WITHDRAWN: "很抱歉，场馆取消了这一场，您的预约随之取消。欢迎看看其他场次。",
        Kind.DAY_CHANGED: day_changes.sentence(subject.day_change, subject.status),
    }
    text = sentences.get(Kind(subject.kind), "") if subject.kind in set(Kind) else ""
    if text and subject.kind not in ENDED and subject.status == ReservationStatus.CANCELLED:
        text = "这个预约后来取消了，名额已让出，不必到场。"
    return f"{text}原因：{subject.reason}。" if subject.reason else text


def _of_offer(until: dt.datetime | None) -> str:
    if until is None:
        return "这次为您保留的名额已经答复过，或已过期限。现在的情况请看预约。"
    return (
        f"名额为您保留到 {words.when(until)}。请在这之前接受或放弃；"
        "到时没有答复，名额会让给下一位。"
    )


def answers(subject: Subject, secret_key: str, base_url: str) -> Answers | None:
    """How the offer is answered without a log-in; None: none is open."""
    if subject.kind != Kind.OFFERED or subject.offer_expires_at is None:
        return None
    link = OfferLink(reservation_id=subject.reservation_id, expires_at=subject.offer_expires_at)
    token = offer_links.token(secret_key, link)
    return Answers(
        accept=offer_links.address(base_url, token, "accept"),
        decline=offer_links.address(base_url, token, "decline"),
    )


def letter(
    subject: Subject,
    base_url: str,
    enclosed: Method | None = None,
    answered_at: Answers | None = None,
) -> Letter:
    """The mail: subject line, plain text, and the same as HTML.

    ``enclosed``: what the invitation that goes with it does. ``answered_at``: where what it asks is
    answered; these links come before all others.
    """
    headlined = headline(subject.kind, subject.title)
    rows = _rows(subject)
    links = [
        *_answering(answered_at),
        ("查看预约", f"{base_url}/my/reservations/{subject.reservation_id}"),
        ("查看场次", f"{base_url}/slots/{subject.slot_id}"),
    ]
    paragraphs = [advice(subject)]
    if enclosed is not None:
        paragraphs.append(_ENCLOSED[enclosed])
    closing = f"这封信由{words.PRODUCT}自动发出，请勿直接回复。"
    text = "\n".join(
        [
            headlined,
            "",
            *(f"{name}：{value}" for name, value in rows),
            "",
            "\n\n".join(paragraphs),
            "",
            *(f"{name}：{link}" for name, link in links),
            "",
            closing,
            "",
        ]
    )
    return Letter(
        subject=f"【{words.PRODUCT}】{headlined}",
        text=text,
        html=_html(headlined, rows, paragraphs, links, closing),
    )


def _rows(subject: Subject) -> list[tuple[str, str]]:
    party = f"{subject.seats} 人"
    if subject.adults:
        party += f"，随行成人 {subject.adults} 人"
    where = f"{subject.venue} {subject.space}".strip()
    return [
        ("时间", words.span(subject.starts_at, subject.ends_at)),
        ("地点", f"{where}（{subject.address}）" if subject.address else where),
        ("人数", party),
        *_deadline(subject),
        ("预约编号", str(subject.reservation_id)),
    ]


def _answering(answered_at: Answers | None) -> list[tuple[str, str]]:
    if answered_at is None:
        return []
    return [("接受名额", answered_at.accept), ("放弃", answered_at.decline)]


def _deadline(subject: Subject) -> list[tuple[str, str]]:
    if subject.kind != Kind.OFFERED or subject.offer_expires_at is None:
        return []
    return [("答复期限", words.when(subject.offer_expires_at))]


def _html(
    title: str,
    rows: list[tuple[str, str]],
    paragraphs: list[str],
    links: list[tuple[str, str]],
    end: str,
) -> str:
    table = "".join(
        f'<tr><th align="left">{name}</th><td>{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    said = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    anchors = " · ".join(f'<a href="{html.escape(link)}">{name}</a>' for name, link in links)
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head><body>"
        f"<h1>{html.escape(title)}</h1><table>{table}</table>{said}"
        f"<p>{anchors}</p><p><small>{end}</small></p></body></html>"
    )
