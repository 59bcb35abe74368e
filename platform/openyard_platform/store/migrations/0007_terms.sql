-- The terms of each district's schools.
CREATE TABLE term (
    district_key text NOT NULL REFERENCES district,
    key text NOT NULL CHECK (key ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (district_key, key),
    CHECK (starts_on <= ends_on)
);
