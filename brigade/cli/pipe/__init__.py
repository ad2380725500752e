"""The commands of `brigade pipe`."""
