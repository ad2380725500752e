"""The life of a job of S3 Batch Operations: selection, manifest, price, submit, watch, report, retry."""
