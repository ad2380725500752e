"""The command: one module a group; each parses, calls one function of the library, and prints."""
