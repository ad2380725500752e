"""Functions that run when a delivery has arrived or a job has ended."""
