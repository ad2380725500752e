"""What runs inside the function of a Batch Operations job: an object in, a result code out."""
