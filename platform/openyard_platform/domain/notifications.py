"""What people are told about their reservations, and in which words."""

import datetime as dt
import html
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_events.contracts import (
    AnyFact,
    ReservationAmended,
    ReservationCancelled,
    ReservationChanged,
    ReservationConfirmed,
    ReservationPromoted,
    ReservationWaitlisted,
)
from openyard_platform.domain import words


class Kind(StrEnum):
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    PROMOTED = "promoted"
    CANCELLED = "cancelled"
    AMENDED = "amended"
    SLOT_CHANGED = "slot_changed"
    SLOT_WITHDRAWN = "slot_withdrawn"


class Occasion(Struct, frozen=True, kw_only=True):
    """A reason to tell somebody something. ``dedupe``: the same however often it comes."""

    kind: Kind
    account_id: UUID
    reservation_id: UUID
    slot_id: UUID
    dedupe: str


class Subject(Struct, frozen=True, kw_only=True):
    """What a message speaks of, as it stands when it is written."""

    kind: str
    title: str
    venue: str
    space: str
    address: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    adults: int
    reason: str | None
    slot_id: UUID
    reservation_id: UUID


class Letter(Struct, frozen=True, kw_only=True):
    subject: str
    text: str
    html: str


def occasion(fact: AnyFact) -> Occasion | None:
    """Whom a fact concerns; None: nobody has to be told.

    A refusal is none: who asked has seen it, with its reasons, in the answer to the request.
    """
    match fact:
        case ReservationConfirmed():
            kind = Kind.CONFIRMED
        case ReservationWaitlisted():
            kind = Kind.WAITLISTED
        case ReservationPromoted():
            kind = Kind.PROMOTED
        case ReservationCancelled(by="venue"):
            kind = Kind.SLOT_WITHDRAWN
        case ReservationCancelled():
            kind = Kind.CANCELLED
        case ReservationAmended():
            kind = Kind.AMENDED
        case ReservationChanged():
            kind = Kind.SLOT_CHANGED
        case _:
            return None
    dedupe = f"{kind}:{fact.reservation_id}"
    if kind in {Kind.SLOT_CHANGED, Kind.AMENDED}:
        # These may happen again and again; everything else happens once.
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
        Kind.WAITLISTED: "这一场已满，您在候补名单里。有人退出时按顺序递补，成功后会再通知您。",
        Kind.PROMOTED: "有人退出，名额已经是您的了。请按时到场；如不能来，请尽早取消。",
        Kind.CANCELLED: "您的预约已取消，名额已让出。欢迎看看其他场次。",
        Kind.AMENDED: "您的预约已按您的要求更改，以下是最新的场次、时间和人数。",
        Kind.SLOT_CHANGED: "场馆改动了这一场，以下是最新的时间和地点。您的预约仍然保留；如不合适，"
        "可以取消，不计入违约。",
        Kind.SLOT_WITHDRAWN: "很抱歉，场馆取消了这一场，您的预约随之取消。欢迎看看其他场次。",
    }
    text = sentences.get(Kind(subject.kind), "") if subject.kind in set(Kind) else ""
    return f"{text}原因：{subject.reason}。" if subject.reason else text


def letter(subject: Subject, base_url: str) -> Letter:
    """The mail: subject line, plain text, and the same as HTML."""
    headlined = headline(subject.kind, subject.title)
    rows = _rows(subject)
    links = [
        ("查看预约", f"{base_url}/my/reservations/{subject.reservation_id}"),
        ("查看场次", f"{base_url}/slots/{subject.slot_id}"),
    ]
    closing = f"这封信由{words.PRODUCT}自动发出，请勿直接回复。"
    text = "\n".join(
        [
            headlined,
            "",
            *(f"{name}：{value}" for name, value in rows),
            "",
            advice(subject),
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
        html=_html(headlined, rows, advice(subject), links, closing),
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
        ("预约编号", str(subject.reservation_id)),
    ]


def _html(
    title: str, rows: list[tuple[str, str]], advised: str, links: list[tuple[str, str]], end: str
) -> str:
    table = "".join(
        f'<tr><th align="left">{name}</th><td>{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    anchors = " · ".join(f'<a href="{html.escape(link)}">{name}</a>' for name, link in links)
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head><body>"
        f"<h1>{html.escape(title)}</h1><table>{table}</table><p>{html.escape(advised)}</p>"
        f"<p>{anchors}</p><p><small>{end}</small></p></body></html>"
    )
