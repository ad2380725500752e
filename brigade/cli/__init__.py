"""The command: a sub-package for each group; a command parses its options, calls the library and prints."""
