"""Documents that an ingest stores: checkpoints, receipts, positions, and the result of a run."""
