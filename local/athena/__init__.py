"""Athena of the local AWS: tables of Glue and SQL of Athena on DuckDB, with the rights of the caller."""
