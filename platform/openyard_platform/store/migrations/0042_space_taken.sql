-- Whether another slot has the space of one that claims its own with its first booking: what its
-- first party would be refused for, so that searches need not show it as free.
CREATE FUNCTION space_is_taken(asked uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH RECURSIVE wanted AS (
        SELECT s.space_id, s.exclusive,
               floor(extract(epoch FROM s.starts_at - '2000-01-01 00:00Z') / 60)::int
                   - s.buffer_before_minutes AS lo,
               ceil(extract(epoch FROM s.ends_at - '2000-01-01 00:00Z') / 60)::int
                   + s.buffer_after_minutes AS hi
        FROM slot s WHERE s.id = asked
    ), below AS (
        SELECT p.id, p.no, p.shareable, p.capacity FROM space p JOIN wanted w ON w.space_id = p.id
        UNION ALL
        SELECT p.id, p.no, p.shareable, p.capacity FROM space p JOIN below b ON p.parent_id = b.id
    ), leaf AS (
        SELECT b.no, b.capacity, w.lo, w.hi, b.shareable,
               -- A slot above a shared space, and an exclusive one in it, need all of its room.
               CASE WHEN w.exclusive OR b.id <> w.space_id THEN b.capacity ELSE 1 END AS needs
        FROM below b, wanted w
        WHERE NOT EXISTS (SELECT FROM space c WHERE c.parent_id = b.id)
    )
    SELECT EXISTS (
        SELECT FROM leaf JOIN slot_occupancy o
            ON o.during && int8range((no::int8 << 32) + lo, (no::int8 << 32) + hi)
        WHERE NOT shareable AND o.slot_id <> asked
    ) OR EXISTS (
        -- It is fullest where one of those that are there begins.
        SELECT FROM leaf
        JOIN space_share b ON b.space_no = no AND b.slot_id <> asked
            AND b.during && int4range(lo, hi)
        JOIN space_share t ON t.space_no = no AND t.slot_id <> asked
            AND t.during @> greatest(lower(b.during), lo)
        WHERE shareable
        GROUP BY no, b.slot_id, needs, capacity
        HAVING sum(t.seats) + needs > capacity
    )
$$;
