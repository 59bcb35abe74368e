-- Closures that stand: opening schedules publish nothing into them, whenever they get that far.
CREATE TABLE closure (
    id uuid PRIMARY KEY,
    venue_id uuid NOT NULL REFERENCES organisation,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    spaces text[],                                   -- keys in their order; null: the whole venue
    reason text NOT NULL,
    closed_by uuid NOT NULL REFERENCES account,
    closed_at timestamptz NOT NULL,
    lifted_at timestamptz,
    CHECK (starts_at < ends_at)
);
CREATE INDEX closure_venue ON closure (venue_id, ends_at) WHERE lifted_at IS NULL;
-- The same closure asked again is the same row.
CREATE UNIQUE INDEX closure_once ON closure (venue_id, starts_at, ends_at, spaces)
    NULLS NOT DISTINCT WHERE lifted_at IS NULL;
