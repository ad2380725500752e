"""The constructs that the stacks compose: one noun a file, with keyword-only inputs of their own."""
