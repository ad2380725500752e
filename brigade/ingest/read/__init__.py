"""Readers: pages of records from an HTTP API or a PostgreSQL table."""
