"""What a program must remember between runs: JSON on S3, changed only under compare-and-swap."""
