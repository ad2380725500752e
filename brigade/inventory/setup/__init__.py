"""Inventory configurations of buckets that exist already: enable, disable, and the policies that S3 needs."""
