"""The commands of `brigade ingest`."""
