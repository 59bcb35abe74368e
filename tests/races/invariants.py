"""What must be so after every decision, asked of the database alone.

Each query finds what breaks its sentence. ``$1`` is the time of the last command: what is due by
then is still to be worked off, and is not counted as broken. The numbers are those of the
invariants in the project's domain: 1 seats, 2 spaces, 3 one effect, 4 one place at a time, 5 order,
6 the waiting list, 7 the audit log.
"""

from typing import Any

from openyard_platform.store import engine

_HOLDING = "('confirmed', 'offered')"

# Actions after which a reservation has another status, and from which each may come.
_COMES_FROM = """(VALUES
    ('confirmed', 'confirmed', ARRAY['']), ('waitlisted', 'waitlisted', ARRAY['']),
    ('refused', 'refused', ARRAY['']), ('offered', 'offered', ARRAY['waitlisted']),
    ('promoted', 'confirmed', ARRAY['offered']), ('declined', 'declined', ARRAY['offered']),
    ('offer_expired', 'offer_expired', ARRAY['offered']),
    ('displaced', 'waitlisted', ARRAY['confirmed', 'offered']),
    ('cancelled', 'cancelled', ARRAY['confirmed', 'waitlisted', 'offered'])
) AS f (action, becomes, comes_from)"""

# The leaf spaces each open slot has to have by now, with its minutes there, buffers included;
# ``room``: how much of a shareable one.
_CLAIMED = """(
    SELECT s.id AS slot_id, leaf.no, leaf.shareable,
        floor(extract(epoch FROM s.starts_at - '2000-01-01Z'::timestamptz) / 60)::int8
            - s.buffer_before_minutes AS lo,
        ceil(extract(epoch FROM s.ends_at - '2000-01-01Z'::timestamptz) / 60)::int8
            + s.buffer_after_minutes AS hi,
        CASE WHEN s.exclusive OR leaf.id <> s.space_id THEN leaf.capacity
            WHEN s.claim = 'on_booking' THEN s.taken ELSE s.capacity END AS room,
        s.status = 'open' AND (s.claim = 'on_offer' OR s.taken > 0) AS claims
    FROM slot s JOIN space p ON p.id = s.space_id JOIN space leaf
        ON leaf.parent_id = p.id
        OR leaf.id = p.id AND NOT EXISTS (SELECT FROM space c WHERE c.parent_id = p.id))"""

# Who waits, with what is free for it: seats kept for it, and those that are open to all.
_WAITING = """(
    SELECT r.*, s.taken, own.per_school,
        CASE WHEN own_left > 0 THEN least(own_left, free) ELSE 0 END AS of_own,
        greatest(0, free - all_kept) AS of_open,
        row_number() OVER (PARTITION BY s.id ORDER BY r.position) AS place,
        row_number() OVER (PARTITION BY s.id, r.allotment ORDER BY r.position) AS own_place
    FROM slot s JOIN reservation r ON r.slot_id = s.id AND r.status = 'waitlisted'
    CROSS JOIN LATERAL (SELECT s.capacity - s.taken AS free,
        (SELECT coalesce(sum(greatest(0, seats - used)), 0) FROM slot_allotment
         WHERE slot_id = s.id AND releases_at > $1) AS all_kept) f
    LEFT JOIN LATERAL (SELECT seats - used AS own_left, per_school
        FROM slot_allotment WHERE slot_id = s.id AND releases_at > $1
        AND audience = ANY (r.audiences) ORDER BY ordinal LIMIT 1) own ON true
    WHERE s.status = 'open' AND coalesce(s.due_at > $1, true)
        AND $1 < least(s.closes_at, s.starts_at - make_interval(hours => coalesce(notice_hours, 0)))
    )"""

_BROKEN = {
    "1 taken is what is confirmed and offered, within the capacity": f"""
        SELECT s.external_id, s.taken, s.capacity FROM slot s WHERE s.taken <> (
            SELECT coalesce(sum(held), 0) FROM reservation
            WHERE slot_id = s.id AND status IN {_HOLDING})
        OR s.taken NOT BETWEEN 0 AND s.capacity""",  # noqa: S608 - made of constants
    "1 waiting is the number of those who wait": """
        SELECT s.external_id, s.waiting FROM slot s WHERE s.waiting <> (
            SELECT count(*) FROM reservation WHERE slot_id = s.id AND status = 'waitlisted')""",
    "1 an allotment counts the seats in use, and who waits for it": f"""
        SELECT slot_id, audience, a.used, q.used AS really, a.waiting, q.waiting AS wait
        FROM slot_allotment a FULL JOIN (
            SELECT slot_id, allotment AS audience,
                sum(allotted) FILTER (WHERE status IN {_HOLDING}) AS used,
                count(*) FILTER (WHERE status = 'waitlisted') AS waiting
            FROM reservation WHERE allotment IS NOT NULL GROUP BY 1, 2) q
        USING (slot_id, audience)
        WHERE a.used IS DISTINCT FROM coalesce(q.used, 0) OR a.used NOT BETWEEN 0 AND a.seats
        OR a.waiting IS DISTINCT FROM coalesce(q.waiting, 0)""",  # noqa: S608 - made of constants
    "1 only holders have allotted seats, and no more than they hold": f"""
        SELECT id, status, held, allotted FROM reservation
        WHERE allotted NOT BETWEEN 0 AND held
        OR allotted > 0 AND (allotment IS NULL OR status NOT IN {_HOLDING})""",  # noqa: S608
    "2 a slot has the leaves it claims, and no others": f"""
        SELECT slot_id, c.no FROM (SELECT * FROM {_CLAIMED} q WHERE claims AND NOT shareable) c
        FULL JOIN (SELECT slot_id, lower(during) >> 32 AS no,
            lower(during) & 4294967295 AS lo, upper(during) & 4294967295 AS hi
            FROM slot_occupancy) o USING (slot_id, no, lo, hi)
        WHERE c.slot_id IS NULL OR o.slot_id IS NULL""",  # noqa: S608 - made of constants
    "2 a slot has the share of a shareable space that it takes": f"""
        SELECT slot_id, c.no FROM (SELECT * FROM {_CLAIMED} q WHERE claims AND shareable) c
        FULL JOIN (SELECT slot_id, space_no AS no, lower(during)::int8 AS lo,
            upper(during)::int8 AS hi, seats AS room FROM space_share) o
            USING (slot_id, no, lo, hi, room)
        WHERE c.slot_id IS NULL OR o.slot_id IS NULL""",  # noqa: S608 - made of constants
    "2 no two slots share a leaf at one time": """
        SELECT 1 FROM slot_occupancy a JOIN slot_occupancy b
        ON a.during && b.during AND a.ctid < b.ctid""",
    "2 nobody is over the room of a shareable space": """
        SELECT p.key FROM space_share a JOIN space p ON p.no = a.space_no
        JOIN space_share b ON b.space_no = a.space_no AND b.during @> lower(a.during)
        GROUP BY p.id, a.slot_id HAVING sum(b.seats) > p.capacity""",
    "4 a party's claims are those of its living reservations": """
        SELECT coalesce(q.id, p.reservation_id), q.status FROM (
            SELECT r.id, slot_id, unnest(party_nos) AS no, r.status, needs_reconfirm, s.starts_at
            FROM reservation r JOIN slot s ON s.id = r.slot_id
            WHERE r.status IN ('confirmed', 'offered', 'waitlisted')) q
        FULL JOIN party_occupancy p ON p.reservation_id = q.id AND p.party_no = q.no
            AND p.slot_id = q.slot_id
        WHERE q.id IS NULL OR p.party_no IS NULL
        OR (q.status = 'waitlisted' AND NOT isempty(p.during))
        OR (q.status <> 'waitlisted' AND NOT (isempty(p.during) AND needs_reconfirm)
            AND lower(p.during) IS DISTINCT FROM
                floor(extract(epoch FROM q.starts_at - '2000-01-01Z'::timestamptz) / 60)::int)""",
    "4 nobody is in two places": """
        SELECT 1 FROM party_occupancy a JOIN party_occupancy b
        ON a.party_no = b.party_no AND a.during && b.during AND a.ctid < b.ctid""",
    "5 a slot's last position is the number of its decisions": """
        SELECT s.external_id FROM slot s JOIN reservation r ON r.slot_id = s.id
        GROUP BY s.id HAVING max(r.position) > s.decided""",
    "5 who asked first has the lower position, unless it moved here later": """
        SELECT 1 FROM (SELECT position, lag(position) OVER (
                PARTITION BY slot_id ORDER BY created_at, id) AS before FROM reservation r
            WHERE NOT EXISTS (SELECT FROM audit a
                WHERE a.subject_id = r.id AND a.action = 'reservation.amended')) q
        WHERE position < before""",
    "5 the facts of a slot rise in revision": """
        SELECT 1 FROM (SELECT (body::jsonb->>'slot_revision')::int AS now,
            lag((body::jsonb->>'slot_revision')::int) OVER (
                PARTITION BY body::jsonb->>'slot_id' ORDER BY id) AS before FROM outbox) q
        WHERE now < before""",
    "6 an offer has a deadline, and nothing else has; the slot is due by then": """
        SELECT s.external_id, s.due_at, r.status, r.offer_expires_at
        FROM reservation r JOIN slot s ON s.id = r.slot_id
        WHERE (r.status = 'offered') <> (r.offer_expires_at IS NOT NULL)
        OR r.status = 'offered' AND coalesce(s.due_at > r.offer_expires_at, true)""",
    "6 a slot is due when the first of its kept seats are released": """
        SELECT s.external_id, s.due_at, a.releases_at
        FROM slot_allotment a JOIN slot s ON s.id = a.slot_id
        WHERE s.status = 'open' AND NOT a.released AND coalesce(s.due_at > a.releases_at, true)""",
    "6 a withdrawn slot that is not due has nobody left": """
        SELECT s.external_id FROM slot s JOIN reservation r ON r.slot_id = s.id
        WHERE s.status = 'withdrawn' AND s.due_at IS NULL
        AND r.status IN ('confirmed', 'offered', 'waitlisted')""",
    # Whoever is first at all; and first among those seats are kept for, where it needs no others.
    "6 nobody is first in line for seats it could have": f"""
        SELECT w.slot_id, w.position, w.held, w.of_own, w.of_open FROM {_WAITING} w
        WHERE w.held <= CASE WHEN w.place = 1 THEN w.of_own + w.of_open
            WHEN w.own_place = 1 THEN w.of_own ELSE 0 END
        AND coalesce(w.held + (SELECT coalesce(sum(held), 0) FROM reservation h
            WHERE h.slot_id = w.slot_id AND h.holder_id = w.holder_id
            AND h.status IN {_HOLDING}) <= w.per_school, true)
        AND NOT EXISTS (
            SELECT FROM party_occupancy p JOIN slot o ON o.id = p.slot_id
            JOIN slot s ON s.id = w.slot_id
            WHERE p.party_no = ANY (w.party_nos) AND NOT isempty(p.during)
            AND o.starts_at < s.ends_at AND s.starts_at < o.ends_at)
        AND NOT EXISTS (
            SELECT FROM {_CLAIMED} c WHERE c.slot_id = w.slot_id AND NOT claims AND (
                EXISTS (SELECT FROM slot_occupancy o WHERE o.during
                    && int8range((c.no::int8 << 32) + c.lo, (c.no::int8 << 32) + c.hi))))
        AND NOT EXISTS (
            SELECT FROM {_CLAIMED} c JOIN space p USING (no)
            WHERE c.slot_id = w.slot_id AND c.shareable
            AND p.capacity < w.held + w.taken + (SELECT coalesce(sum(seats), 0) FROM space_share o
                WHERE o.space_no = c.no AND o.slot_id <> c.slot_id
                AND o.during && int4range(c.lo::int, c.hi::int)))""",  # noqa: S608
    "7 each change of a status has one entry": f"""
        SELECT q.id, array_agg(q.action ORDER BY q.no) FROM (
            SELECT r.id, a.id AS no, a.action, r.status, f.becomes, f.comes_from,
                coalesce(lag(f.becomes) OVER mine, '') AS before, lead(a.id) OVER mine AS next
            FROM reservation r
            LEFT JOIN audit a ON a.subject_id = r.id AND a.action <> 'reservation.amended'
            LEFT JOIN {_COMES_FROM} ON a.action = 'reservation.' || f.action
            -- Moving to another slot is one entry, whatever the reservation was before.
            WHERE NOT EXISTS (SELECT FROM audit m JOIN audit n USING (subject_id)
                WHERE subject_id = r.id AND m.action = 'reservation.amended'
                AND m.detail->>'slot' <> n.detail->>'slot')
            WINDOW mine AS (PARTITION BY r.id ORDER BY a.id)) q
        WHERE NOT coalesce(q.before = ANY (q.comes_from), false)
        OR q.next IS NULL AND q.becomes <> q.status
        GROUP BY q.id""",  # noqa: S608 - made of constants
}

# What may be more than it should be where a venue stated less than is taken, but does not grow by
# what is decided afterwards: by version of the slot.
_EXCESS = f"""
    SELECT s.id, s.version, 'kept' AS which, greatest(0, coalesce(sum(greatest(0, a.seats - a.used))
        FILTER (WHERE a.releases_at > $1), 0) - s.capacity + s.taken)::int AS excess
    FROM slot s LEFT JOIN slot_allotment a ON a.slot_id = s.id GROUP BY s.id
    UNION ALL
    SELECT s.id, s.version, r.holder_id::text, greatest(0, sum(r.held) - min(own.per_school))::int
    FROM slot s JOIN reservation r ON r.slot_id = s.id AND r.status IN {_HOLDING}
    JOIN LATERAL (SELECT per_school FROM slot_allotment WHERE slot_id = s.id AND releases_at > $1
        AND audience = ANY (r.audiences) ORDER BY ordinal LIMIT 1) own ON per_school IS NOT NULL
    GROUP BY s.id, r.holder_id"""  # noqa: S608 - made of constants

_ALL = " UNION ALL ".join(
    f"SELECT '{name.replace(chr(39), chr(39) * 2)}' AS name, to_jsonb(q)::text AS found "  # noqa: S608
    f"FROM ({sql}) q"
    for name, sql in _BROKEN.items()
)

Excess = dict[tuple[Any, int, str], int]


async def broken(now: Any) -> list[tuple[str, str]]:
    """The sentences that are not true ``now``, each with what shows it."""
    rows = await engine.fetch(f"SELECT * FROM ({_ALL}) q WHERE $1::timestamptz IS NOT NULL", now)  # noqa: S608
    return [(row["name"], row["found"]) for row in rows]


async def excess(now: Any) -> Excess:
    """Seats that are kept though they are not there, and what schools have above their cap."""
    rows = await engine.fetch(_EXCESS, now)
    return {(row["id"], row["version"], row["which"]): row["excess"] for row in rows}


def grown(before: Excess, after: Excess) -> list[Any]:
    """What was given away although it is kept for others, or above the cap."""
    known = {(slot_id, version) for slot_id, version, _ in before}
    return [
        (key, before.get(key, 0), amount)
        for key, amount in after.items()
        if key[:2] in known and amount > before.get(key, 0)
    ]
