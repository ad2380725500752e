"""A database's URI from the fields of its secret, and the secret read at run time."""
