"""Where keys of the reports and the state bucket begin, but for those of an ingest: ``brigade.ingest.declare.target``.

The code that makes the keys and the stacks that grant them take them from here. No prefix has a slash at its end.
"""

MANIFESTS = "manifests"
"""Manifests of jobs, in the reports bucket."""
ARCHIVE = f"{MANIFESTS}/job-"
"""What is kept of a job by its id, in the reports bucket; here the id follows at once."""
JOB_REPORTS = "jobs"
"""Completion reports that S3 writes, in the reports bucket."""
QUERIES = "queries"
"""What Athena writes, in the reports bucket."""
SUMMARIES = "inventory"
"""Summaries of deliveries, in the state bucket."""
RECURRING = "recurring"
"""How far each recurring job is, in the state bucket."""
