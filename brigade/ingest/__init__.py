"""Ingest: what an API gives, page by page, as one gzip JSON Lines object a date, published exactly once."""
