"""The prefixes of keys in the reports and the state bucket. Those of an ingest are in `brigade.ingest.declare.target`.

The code that makes the keys and the stacks that grant them import the prefixes from here. None ends with a slash.
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
