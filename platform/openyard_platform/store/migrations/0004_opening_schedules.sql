-- Opening schedules: what each venue has stated, and when its slots are to be looked at again.
CREATE TABLE opening_schedule (
    id uuid PRIMARY KEY,
    venue_id uuid NOT NULL REFERENCES organisation,
    plan jsonb NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    ended boolean NOT NULL DEFAULT false,            -- taken away; its free slots are closed
    due_at timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX opening_schedule_venue ON opening_schedule (venue_id, id) WHERE NOT ended;
CREATE INDEX opening_schedule_due ON opening_schedule (due_at);
