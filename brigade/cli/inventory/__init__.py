"""The commands of `brigade inventory`."""
