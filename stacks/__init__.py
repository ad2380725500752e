"""The CDK stacks, one in each file. A stack combines the constructs of `stacks.parts` and adds their permissions."""
