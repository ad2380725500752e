"""What runs on AWS: thin handlers, and the user's own sources and operations, one module each."""
