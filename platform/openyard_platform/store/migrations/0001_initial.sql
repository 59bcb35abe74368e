-- The first schema. Instants are timestamptz; public ids are UUIDv7, made by the application.

-- Who ---------------------------------------------------------------------------------------
CREATE TABLE district (
    key text PRIMARY KEY CHECK (key ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text NOT NULL,
    ordinal int NOT NULL
);

CREATE TABLE organisation (
    id uuid PRIMARY KEY,
    key text NOT NULL UNIQUE CHECK (key ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('school', 'venue', 'community', 'department', 'university', 'company', 'association')),
    category text,
    district_key text NOT NULL REFERENCES district,
    address text NOT NULL DEFAULT '',
    latitude double precision,
    longitude double precision,
    description text NOT NULL DEFAULT '',
    -- How often its public feed has changed is in feed_state; this is for its own row.
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE space (
    id uuid PRIMARY KEY,
    no int GENERATED ALWAYS AS IDENTITY UNIQUE,
    organisation_id uuid NOT NULL REFERENCES organisation,
    key text NOT NULL CHECK (key ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text NOT NULL,
    parent_id uuid REFERENCES space,
    UNIQUE (organisation_id, key)
);

CREATE TABLE family (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE account (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text,
    display_name text NOT NULL,
    role text NOT NULL CHECK (role IN ('family', 'school', 'venue', 'volunteer', 'supervisor')),
    family_id uuid REFERENCES family,
    organisation_id uuid REFERENCES organisation,
    staff_role text CHECK (staff_role IN ('owner', 'scheduler', 'approver', 'checker')),
    district_key text REFERENCES district,          -- a supervisor's; null: the whole city
    active boolean NOT NULL DEFAULT true,
    feed_generation int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CHECK ((role = 'family') = (family_id IS NOT NULL)),
    CHECK ((role IN ('school', 'venue')) = (organisation_id IS NOT NULL))
);
CREATE INDEX account_family ON account (family_id) WHERE family_id IS NOT NULL;

CREATE TABLE child (
    id uuid PRIMARY KEY,
    family_id uuid NOT NULL REFERENCES family,
    display_name text NOT NULL,
    birth_year int NOT NULL CHECK (birth_year BETWEEN 1990 AND 2100),
    school_id uuid REFERENCES organisation,
    consented_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX child_family ON child (family_id);

CREATE TABLE study_group (
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisation,
    name text NOT NULL,
    grade int NOT NULL CHECK (grade BETWEEN 0 AND 12),
    size int NOT NULL CHECK (size BETWEEN 1 AND 2000),
    adults int NOT NULL DEFAULT 0 CHECK (adults BETWEEN 0 AND 500),
    needs text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL
);
CREATE INDEX study_group_organisation ON study_group (organisation_id);

-- Who cannot be in two places: ref is a child, a study group, a volunteer's account or a family.
CREATE TABLE party (
    no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref uuid NOT NULL UNIQUE
);

-- Log-in ------------------------------------------------------------------------------------
CREATE TABLE session (
    token_hash bytea PRIMARY KEY,                    -- SHA-256; the id itself is never stored
    account_id uuid NOT NULL REFERENCES account,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id);

CREATE TABLE api_token (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    account_id uuid NOT NULL REFERENCES account,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_token_account ON api_token (account_id);

CREATE TABLE one_time_code (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    code_hash bytea NOT NULL,
    tries int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX one_time_code_email ON one_time_code (email, created_at DESC);

-- What is bookable --------------------------------------------------------------------------
CREATE TABLE slot (
    id uuid PRIMARY KEY,
    venue_id uuid NOT NULL REFERENCES organisation,
    external_id text NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'withdrawn')),
    -- A tombstone (withdrawn before it was ever offered) has no space, times or title.
    space_id uuid REFERENCES space,
    kind text NOT NULL DEFAULT 'access',
    title text NOT NULL DEFAULT '',
    description text,
    programme text,
    series text,
    starts_at timestamptz,
    ends_at timestamptz,
    capacity int NOT NULL DEFAULT 0 CHECK (capacity >= 0),
    exclusive boolean NOT NULL DEFAULT false,
    audiences text[],                                -- null: everybody
    party_min int,
    party_max int,
    chaperones_per int,
    adults_count boolean NOT NULL DEFAULT false,
    opens_at timestamptz,
    closes_at timestamptz,
    cancel_until_hours int,
    reason text,                                     -- why it was withdrawn
    taken int NOT NULL DEFAULT 0,
    waiting int NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    decided bigint NOT NULL DEFAULT 0,               -- the last position given out
    revision bigint NOT NULL DEFAULT 1,              -- rises with every change of the row
    sequence int NOT NULL DEFAULT 0,                 -- iCalendar's: time, place, status
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (venue_id, external_id),
    CONSTRAINT slot_not_oversold CHECK (taken BETWEEN 0 AND capacity),
    CHECK (status = 'withdrawn' OR (space_id IS NOT NULL AND starts_at < ends_at))
) WITH (fillfactor = 70);
CREATE INDEX slot_open_starts ON slot (starts_at, id) WHERE status = 'open';
CREATE INDEX slot_venue_starts ON slot (venue_id, starts_at);

-- One row for each leaf space below the slot's: space_no << 32 | minutes since 2000-01-01 UTC.
CREATE TABLE slot_occupancy (
    slot_id uuid NOT NULL REFERENCES slot,
    during int8range NOT NULL,
    CONSTRAINT slot_occupancy_free EXCLUDE USING gist (during WITH &&)
);
CREATE INDEX slot_occupancy_slot ON slot_occupancy (slot_id);

CREATE TABLE reservation (
    id uuid PRIMARY KEY,
    slot_id uuid NOT NULL REFERENCES slot,
    account_id uuid NOT NULL,                        -- who asked
    holder_id uuid NOT NULL,                         -- whose it is: family, organisation or account
    party_nos int[] NOT NULL,
    seats int NOT NULL CHECK (seats > 0),
    adults int NOT NULL DEFAULT 0,
    held int NOT NULL CHECK (held >= 0),             -- seats it takes of the slot while confirmed
    status text NOT NULL CHECK (status IN ('confirmed', 'waitlisted', 'refused', 'cancelled')),
    position bigint NOT NULL,
    refusals jsonb NOT NULL DEFAULT '[]',
    skips jsonb NOT NULL DEFAULT '[]',               -- why a waiting party was passed over
    needs_reconfirm boolean NOT NULL DEFAULT false,
    cancelled_by text,
    reason text,
    note text,
    revision int NOT NULL DEFAULT 1,
    sequence int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,                 -- when the command was accepted
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX reservation_slot_position ON reservation (slot_id, position);
CREATE INDEX reservation_holder ON reservation (holder_id, id DESC);
CREATE INDEX reservation_waiting ON reservation (slot_id, position) WHERE status = 'waitlisted';

-- Who has what when, in minutes since 2000-01-01 UTC. A waiting party, and one whose claim a moved
-- slot suspended, have the empty range, which overlaps nothing.
CREATE TABLE party_occupancy (
    party_no int NOT NULL,
    slot_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    during int4range NOT NULL,
    CONSTRAINT party_once_on_a_slot PRIMARY KEY (party_no, slot_id)
);

-- Nobody is in two places. Not EXCLUDE: its index cost more than everything else a decision writes,
-- and ever more as it grew (docs/decisions/0008-one-place-at-a-time.md). Whoever writes here locks
-- the parties first, so of two transactions the second sees what the first has written.
CREATE FUNCTION party_in_one_place() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM 1 FROM party WHERE no IN (SELECT party_no FROM arrived) ORDER BY no FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM arrived a JOIN party_occupancy p ON p.party_no = a.party_no
        WHERE p.slot_id <> a.slot_id AND p.during && a.during
    ) THEN
        RAISE EXCEPTION 'a party cannot be in two places at one time'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'party_in_one_place';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER party_in_one_place AFTER INSERT ON party_occupancy
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION party_in_one_place();
CREATE TRIGGER party_stays_in_one_place AFTER UPDATE ON party_occupancy
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION party_in_one_place();

CREATE TABLE idempotency (
    account_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    reservation_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_age ON idempotency USING brin (created_at);

-- A repeated Idempotency-Key minted an id of its own: it leads to the first one's reservation.
CREATE TABLE reservation_alias (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    reservation_id uuid,                             -- null: refused, another body had the key
    created_at timestamptz NOT NULL
);

-- The way of a command ----------------------------------------------------------------------
-- Lease and position stand in one row: one UPDATE fences an old decider off and moves on.
CREATE TABLE partition (
    no int PRIMARY KEY,
    holder text,
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    stream_created timestamptz,                      -- a stream made anew starts over
    sequence bigint NOT NULL DEFAULT 0,              -- the last message decided whole
    index int NOT NULL DEFAULT 0                     -- commands decided of the next one
);

-- Where a reader of FACT stands.
CREATE TABLE reader (
    name text PRIMARY KEY,
    stream_created timestamptz NOT NULL,
    sequence bigint NOT NULL
);

CREATE TABLE receipt (
    venue_id uuid NOT NULL REFERENCES organisation,
    id text NOT NULL,                                -- ce-id, or seq-<n>
    status text NOT NULL CHECK (status IN ('accepted', 'duplicate', 'refused')),
    slot_id uuid,
    version bigint,
    errors jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (venue_id, id)
);
CREATE INDEX receipt_recent ON receipt (venue_id, created_at DESC);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL,                          -- ce-id and Nats-Msg-Id
    subject text NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX outbox_order ON outbox (xid, id);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id uuid,                                   -- null: the platform itself
    action text NOT NULL,
    subject_id uuid,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_subject ON audit (subject_id);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

-- Calendars and messages --------------------------------------------------------------------
CREATE TABLE feed_state (
    owner_id uuid PRIMARY KEY,                       -- venue or holder
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE feed_fragment (
    owner_id uuid NOT NULL,
    uid text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    cancelled_at timestamptz,                        -- kept 14 days from here, then dropped
    slot_revision bigint NOT NULL,                   -- a lower one never overwrites
    changed_at timestamptz NOT NULL,                 -- what the event's LAST-MODIFIED says
    body bytea NOT NULL,                             -- one VEVENT, folded, CRLF
    PRIMARY KEY (owner_id, uid)
);
CREATE INDEX feed_fragment_window ON feed_fragment (owner_id, starts_at);

CREATE TABLE feed_link (
    token_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account,
    owner_id uuid NOT NULL,
    generation int NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    UNIQUE (account_id, owner_id, generation)
);

CREATE TABLE notification (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account,
    kind text NOT NULL,                              -- confirmed, waitlisted, promoted, …
    reservation_id uuid,
    slot_id uuid,
    dedupe text NOT NULL UNIQUE,                     -- one fact, one account, one message
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
    tries int NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL,
    error text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    read_at timestamptz
);
CREATE INDEX notification_due ON notification (next_try_at) WHERE state = 'pending';
CREATE INDEX notification_inbox ON notification (account_id, created_at DESC);
