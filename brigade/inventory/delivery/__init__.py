"""A delivery of S3 Inventory: its manifest, its data files, and a summary of it."""
