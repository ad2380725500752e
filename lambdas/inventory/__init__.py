"""What runs on AWS for inventories: the configuration of buckets that exist, and what a delivery sets off."""
