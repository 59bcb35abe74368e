-- What pages say about who waits, and about seats that are kept.

-- How many waiting parties a slot's seats have reached.
CREATE INDEX reservation_was_offered ON reservation (slot_id) WHERE offered_at IS NOT NULL;
-- What waits for its holder's answer.
CREATE INDEX reservation_to_answer ON reservation (holder_id) WHERE status = 'offered';

-- How many seats a party of these audiences would be given at once: domain/allotments.py in SQL,
-- for searches. Kept for it are those of the first allotment that is kept for one of its
-- audiences; while others wait, only these, and only if nobody waits for them too.
CREATE FUNCTION seats_at_once(
    asked uuid, free int, waits int, audiences text[], at timestamptz
) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH kept AS (
        SELECT greatest(a.seats - a.used, 0) AS remaining, a.waiting,
               row_number() OVER (ORDER BY a.audience <> ALL (audiences), a.ordinal) = 1
               AND a.audience = ANY (audiences) AS own
        FROM slot_allotment a WHERE a.slot_id = asked AND a.releases_at > at
    ), summed AS (
        SELECT coalesce(sum(remaining), 0)::int AS all_kept,
               coalesce(sum(remaining) FILTER (WHERE own AND (waits = 0 OR waiting = 0)), 0)::int
               AS own_kept
        FROM kept
    )
    SELECT least(own_kept, greatest(free, 0))
           + CASE WHEN waits = 0 THEN greatest(free - all_kept, 0) ELSE 0 END
    FROM summed
$$;
