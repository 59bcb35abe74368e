-- Delegated guardians, and spaces that are shared only where nothing lies below them.

-- Who else may bring a child. It is given to an e-mail address, and is the right of whoever has the
-- account of that address, today or later: so nobody learns by it who has an account.
CREATE TABLE delegation (
    id uuid PRIMARY KEY,
    child_id uuid NOT NULL REFERENCES child ON DELETE CASCADE,
    email text NOT NULL CHECK (email = lower(email)),
    relation text NOT NULL CHECK (relation IN
        ('grandparent', 'relative', 'school_worker', 'community_worker')),
    granted_by uuid NOT NULL REFERENCES account,
    granted_at timestamptz NOT NULL,
    ends_on date,                                    -- the last day of it, in Shanghai
    revoked_at timestamptz
);
CREATE INDEX delegation_child ON delegation (child_id) WHERE revoked_at IS NULL;
CREATE INDEX delegation_email ON delegation (email) WHERE revoked_at IS NULL;

-- A shareable space is a leaf: whatever lies below a space refers to it as one that is not shared.
ALTER TABLE space
    ADD CONSTRAINT space_or_share UNIQUE (id, shareable),
    ADD below_shareable boolean GENERATED ALWAYS AS
        (CASE WHEN parent_id IS NOT NULL THEN false END) STORED,
    ADD CONSTRAINT space_shared_is_leaf FOREIGN KEY (parent_id, below_shareable)
        REFERENCES space (id, shareable);
