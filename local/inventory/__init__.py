"""S3 Inventory of the local AWS: deliveries on demand, in the exact bytes of S3."""
