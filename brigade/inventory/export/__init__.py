"""Pass the keys of a delivery to a function, or send them to an SQS queue."""
