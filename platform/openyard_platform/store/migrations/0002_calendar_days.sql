-- The country's calendar, and what a district says otherwise. A day without a row is unknown.
CREATE TABLE calendar_day (
    district_key text REFERENCES district,           -- null: everywhere
    date date NOT NULL,
    kind text CHECK (kind IN ('workday', 'weekend', 'holiday', 'adjusted_workday')),
    exam boolean,                                    -- null, like a null kind: as everywhere
    source text NOT NULL,                            -- chinesecalendar, notice or supervisor
    notice text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL,
    CONSTRAINT calendar_day_once UNIQUE NULLS NOT DISTINCT (district_key, date)
);
