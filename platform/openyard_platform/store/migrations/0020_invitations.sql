-- How one's reservations come into one's calendar: fetched from a feed, or sent as invitations.
ALTER TABLE account ADD COLUMN calendar_delivery text NOT NULL DEFAULT 'feed'
    CHECK (calendar_delivery IN ('feed', 'invitations'));

-- Written before the mail leaves: what may be in somebody's calendar has to be taken out again.
ALTER TABLE notification ADD COLUMN sequence int;  -- of the invitation in it; null: none
CREATE INDEX notification_invited ON notification (reservation_id) WHERE sequence IS NOT NULL;

-- Mails about one reservation leave one after another.
CREATE INDEX notification_waiting ON notification (reservation_id, id) WHERE state = 'pending';
