"""The decision store: append-only, chained by hashes, in SQLite or PostgreSQL."""
