"""Streams to and from objects of S3: parallel, verified, never cut short."""
