"""The sources: each module defines `SOURCE`, and nothing else has to be edited."""
