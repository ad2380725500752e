"""SQL over deliveries: one dialect, checked once, run by DuckDB on this machine or by Athena."""
