-- One stored event stands in several feeds: a slot in its venue's, its spaces', its district's.
ALTER TABLE feed_fragment ADD COLUMN also_in uuid[] NOT NULL DEFAULT '{}';
-- Without the list of pending entries, which every reader would have to go through.
CREATE INDEX feed_fragment_also_in ON feed_fragment USING gin (also_in) WITH (fastupdate = off);
-- What was stored so far knows nothing of them: the projector renders it again as it starts.
UPDATE feed_fragment SET slot_revision = 0;
