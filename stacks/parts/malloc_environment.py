"""When a function that ingests gives memory back to the system."""

HEAP = {"MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_TRIM_THRESHOLD_": str(2**22)}
"""Pages and parts go back when they are done with, however many there were: glibc would else keep them on its heap,
full of holes (https://man7.org/linux/man-pages/man3/mallopt.3.html). Said so, it would give back each block of lines,
too, and take it again a page at a time: 4 MiB stay."""
