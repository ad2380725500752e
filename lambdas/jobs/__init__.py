"""Lambda functions for jobs: submit recurring jobs after a delivery, and report the end of a job."""
