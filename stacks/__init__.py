"""What is provisioned: one stack a file, which composes the constructs of ``parts`` and grants what they need."""
