"""The commands of `brigade state`."""
