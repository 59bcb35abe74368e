-- A schedule that a file states has a key of the venue's own, by which the file finds it again.
CREATE UNIQUE INDEX opening_schedule_key ON opening_schedule (venue_id, (plan->>'key'))
    WHERE NOT ended;

-- Before a slot is published, its schedule looks at whatever else takes the same space.
CREATE INDEX slot_space_starts ON slot (space_id, starts_at) WHERE status = 'open';
