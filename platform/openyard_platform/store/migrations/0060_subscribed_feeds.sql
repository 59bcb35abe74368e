-- Private feeds that somebody's calendar program has asked for. Of the others nothing is rendered.
CREATE TABLE subscribed_feed (
    feed_id uuid PRIMARY KEY,
    caught_up_at timestamptz                         -- what was there before is rendered
);
INSERT INTO subscribed_feed (feed_id, caught_up_at)
    SELECT DISTINCT owner_id, now() FROM feed_link
    WHERE last_used_at IS NOT NULL AND revoked_at IS NULL;
