"""The rows of a delivery as Arrow record batches, and as bytes in the formats of the command."""
