"""Documents that an ingest stores: checkpoints, receipt_prefix, positions, and the result of a run."""
