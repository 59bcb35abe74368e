-- A slot stands in the feed of its programme, too: the projector renders what is there again.
UPDATE feed_fragment SET slot_revision = 0 WHERE starts_with(uid, 'slot-');
