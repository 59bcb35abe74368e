-- What a message is about besides its reservation: for day_changed the date and its kinds.
ALTER TABLE notification ADD COLUMN details jsonb;
