-- Most events, every family's, stand in one feed only: they need no entry here.
DROP INDEX feed_fragment_also_in;
CREATE INDEX feed_fragment_also_in ON feed_fragment USING gin (also_in) WITH (fastupdate = off)
    WHERE also_in <> '{}';
