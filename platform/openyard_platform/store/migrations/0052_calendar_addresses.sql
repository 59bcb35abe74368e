-- Addresses at which venues publish calendars of their own; read again and again.
CREATE TABLE calendar_address (
    id uuid PRIMARY KEY,
    venue_id uuid NOT NULL REFERENCES organisation,
    url text NOT NULL,                               -- often a secret: never logged
    wanted jsonb NOT NULL,                           -- what the file does not say, as for an upload
    etag text NOT NULL DEFAULT '',
    modified text NOT NULL DEFAULT '',
    digest bytea,                                    -- SHA-256 of the file as it was taken last
    failures int NOT NULL DEFAULT 0,                 -- in a row
    fetched_at timestamptz,
    outcome text CHECK (outcome IN ('changed', 'same', 'failed')),
    reason text NOT NULL DEFAULT '',                 -- a code, where it failed
    import_id uuid,                                  -- what waits for the venue, or did last
    due_at timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL
);
-- Two files of one calendar would undo each other.
CREATE UNIQUE INDEX calendar_address_calendar
    ON calendar_address (venue_id, (wanted->>'purpose'), (wanted->>'source'));
CREATE INDEX calendar_address_due ON calendar_address (due_at);
