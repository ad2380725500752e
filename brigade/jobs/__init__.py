"""Drives S3 Batch Operations from outside: selection, manifest, price, submit, watch, report, retry."""
