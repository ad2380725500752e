"""The keys of a delivery passed on: to a function, or to a queue of SQS."""
