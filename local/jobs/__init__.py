"""S3 Batch Operations on this machine: the job API, and the scheduler that runs Lambda jobs as S3 does."""
