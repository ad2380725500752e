"""The code that runs on AWS: thin handlers, and a module for each source and operation of the user."""
