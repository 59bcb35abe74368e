-- Calendar entries of slots change with every seat. Where a page has room for the next version of a
-- row, no index has to learn of it, least of all the one of the feeds an entry stands in.
ALTER TABLE feed_fragment SET (fillfactor = 60);
ALTER TABLE feed_state SET (fillfactor = 60);
