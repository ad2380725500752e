"""S3 Inventory of the AWS on this machine: deliveries on demand, byte for byte as S3 writes them."""
