"""The CDK constructs that the stacks combine, one in each file, and the helpers that create them."""
