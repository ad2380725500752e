"""The commands of `brigade local`."""
