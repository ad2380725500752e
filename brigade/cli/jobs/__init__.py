"""The commands of `brigade jobs`."""
