"""The operations: one module each, which defines ``OPERATION``. A file added here is deployed."""
