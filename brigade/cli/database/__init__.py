"""The commands of `brigade database`."""
