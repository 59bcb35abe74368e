-- Beginning with who arrived, always. Planned while the table had just been swept and was empty, as on
-- the morning after a quiet week, the join went through all that was in it for each who arrived, and
-- the plan stayed in use while it filled. OFFSET 0 keeps the planner from turning the join around.
CREATE OR REPLACE FUNCTION party_in_one_place() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM 1 FROM party WHERE no IN (SELECT party_no FROM arrived) ORDER BY no FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM arrived a CROSS JOIN LATERAL (
            SELECT FROM party_occupancy p
            WHERE p.party_no = a.party_no AND p.slot_id <> a.slot_id AND p.during && a.during
            OFFSET 0) elsewhere
    ) THEN
        RAISE EXCEPTION 'a party cannot be in two places at one time'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'party_in_one_place';
    END IF;
    RETURN NULL;
END $$;
