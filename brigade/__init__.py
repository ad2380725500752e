"""Bucket Brigade: data into and out of Amazon S3, and work on every object of buckets of any size."""

__version__ = "0.1.0"
