"""Athena of the AWS on this machine: Glue's tables and Athena's SQL on DuckDB, with the caller's rights."""
