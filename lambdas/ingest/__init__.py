"""The ingest functions: one handler, and a module for each source."""
