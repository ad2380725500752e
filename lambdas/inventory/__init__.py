"""Lambda functions for inventories: configuring existing buckets, and handling a finished delivery."""
