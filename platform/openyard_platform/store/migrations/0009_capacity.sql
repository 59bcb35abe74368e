-- Every kind of capacity, seats kept for an audience, and a waiting list with held offers.

-- A shareable space has room for so many at one time, whoever's slots they come to.
ALTER TABLE space
    ADD shareable boolean NOT NULL DEFAULT false,
    ADD capacity int CHECK (capacity > 0),
    ADD CONSTRAINT space_shared_has_capacity CHECK (NOT shareable OR capacity IS NOT NULL);

ALTER TABLE slot
    ADD claim text NOT NULL DEFAULT 'on_offer' CHECK (claim IN ('on_offer', 'on_booking')),
    ADD buffer_before_minutes int NOT NULL DEFAULT 0 CHECK (buffer_before_minutes >= 0),
    ADD buffer_after_minutes int NOT NULL DEFAULT 0 CHECK (buffer_after_minutes >= 0),
    ADD notice_hours int,
    ADD offer_minutes int,
    ADD age_min int,
    ADD age_max int,
    ADD grade_min int,
    ADD grade_max int,
    ADD overbooked text NOT NULL DEFAULT 'refuse'
        CHECK (overbooked IN ('refuse', 'latest_wait', 'latest_leave')),
    ADD allotment_count int NOT NULL DEFAULT 0,
    ADD due_at timestamptz;                          -- something is to be done then, not before
CREATE INDEX slot_due ON slot (due_at) WHERE due_at IS NOT NULL;

-- Seats kept for an audience until a time; the seats in use are guarded like the slot's own.
CREATE TABLE slot_allotment (
    slot_id uuid NOT NULL REFERENCES slot,
    audience text NOT NULL,
    seats int NOT NULL CHECK (seats > 0),
    release_hours int NOT NULL,
    releases_at timestamptz NOT NULL,
    per_school int,
    used int NOT NULL DEFAULT 0,
    waiting int NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    released boolean NOT NULL DEFAULT false,         -- its fact was told, its seats handed on
    ordinal int NOT NULL,
    PRIMARY KEY (slot_id, audience),
    CONSTRAINT allotment_not_oversold CHECK (used BETWEEN 0 AND seats)
);

ALTER TABLE reservation DROP CONSTRAINT reservation_status_check;
ALTER TABLE reservation
    ADD CONSTRAINT reservation_status_check CHECK (status IN
        ('confirmed', 'waitlisted', 'offered', 'declined', 'offer_expired', 'refused', 'cancelled')),
    ADD audiences text[] NOT NULL DEFAULT '{}',      -- what its holder may book as
    ADD allotment text,                              -- the audience whose kept seats it may use
    ADD allotted int NOT NULL DEFAULT 0,             -- how many of its seats are such
    ADD offered_at timestamptz,
    ADD offer_expires_at timestamptz;
CREATE INDEX reservation_offered ON reservation (slot_id, offer_expires_at)
    WHERE status = 'offered';

-- Slots in a shareable space: each takes some of its room, a slot above it all of it.
CREATE TABLE space_share (
    slot_id uuid NOT NULL REFERENCES slot,
    space_no int NOT NULL REFERENCES space (no),
    during int4range NOT NULL,                       -- minutes since 2000-01-01 UTC
    seats int NOT NULL CHECK (seats > 0),
    PRIMARY KEY (slot_id, space_no)
);
CREATE INDEX space_share_during ON space_share USING gist (during);

-- The counter of a shareable space: whoever adds to it locks the space first, so of two
-- transactions the second counts what the first has written. The fullest moment of a stretch is
-- where one of those in it begins.
CREATE FUNCTION space_has_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM space WHERE no IN (SELECT space_no FROM arrived) ORDER BY no FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM arrived a
        JOIN space_share b ON b.space_no = a.space_no AND b.during && a.during
        JOIN space_share t ON t.space_no = a.space_no
            AND t.during @> greatest(lower(a.during), lower(b.during))
        JOIN space p ON p.no = a.space_no
        GROUP BY a.slot_id, a.space_no, b.slot_id, p.capacity
        HAVING sum(t.seats) > p.capacity
    ) THEN
        RAISE EXCEPTION 'a shareable space has no room for so many'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'space_has_room';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER space_has_room AFTER INSERT ON space_share
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION space_has_room();
CREATE TRIGGER space_still_has_room AFTER UPDATE ON space_share
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION space_has_room();
