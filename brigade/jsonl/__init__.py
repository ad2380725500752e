"""Records to lines to gzip: bytes spliced, not objects built."""
