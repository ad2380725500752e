"""A stream as many objects under one path, in s3pipe2's layout, which may be read while it is written."""
