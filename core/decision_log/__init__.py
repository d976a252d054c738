"""Decision logs: what was decided, with which probability, and what it brought, as Parquet files."""
