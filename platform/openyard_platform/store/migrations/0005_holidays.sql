-- Whoever changes the country's calendar changes the feed of holidays in the same transaction.
-- The id is the one that domain/feed_kinds.py knows it by.
CREATE FUNCTION holidays_are_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO feed_state AS s (owner_id, revision, updated_at)
    VALUES ('d15d8edf-d2e7-5838-a354-af97e84f4044', (extract(epoch FROM now()) * 1000)::bigint, now())
    ON CONFLICT (owner_id) DO UPDATE SET
        revision = s.revision + 1, updated_at = greatest(s.updated_at, excluded.updated_at);
    RETURN NULL;
END $$;
CREATE TRIGGER calendar_day_changed AFTER INSERT OR UPDATE OR DELETE ON calendar_day
    FOR EACH STATEMENT EXECUTE FUNCTION holidays_are_others();
