"""S3 Batch Operations on this machine: the job API, and the engine that runs Lambda jobs as S3 does."""
