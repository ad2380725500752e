"""The trade of working on every object: one handler, and the operations that it can run."""
