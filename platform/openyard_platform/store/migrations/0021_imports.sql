-- Calendars that venues upload: what each would change, and what became of it.
CREATE TABLE calendar_import (
    id uuid PRIMARY KEY,
    venue_id uuid NOT NULL REFERENCES organisation,
    source text NOT NULL,                            -- which of the venue's calendars
    purpose text NOT NULL CHECK (purpose IN ('busy', 'slots')),
    space text NOT NULL,
    status text NOT NULL CHECK (status IN ('previewed', 'applying', 'applied')),
    counts jsonb NOT NULL,
    problems jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    applied_at timestamptz,
    touched text CHECK (touched IN ('keep', 'change')),
    claimed_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX calendar_import_venue ON calendar_import (venue_id, id DESC);
CREATE INDEX calendar_import_age ON calendar_import (created_at);
-- Of one calendar, one file at a time is applied.
CREATE UNIQUE INDEX calendar_import_applying ON calendar_import (venue_id, purpose, source)
    WHERE status = 'applying';

CREATE TABLE calendar_import_item (
    import_id uuid NOT NULL REFERENCES calendar_import ON DELETE CASCADE,
    no int NOT NULL,
    item jsonb NOT NULL,
    published boolean NOT NULL,                      -- whether applying it publishes it
    result jsonb,
    PRIMARY KEY (import_id, no)
);
