"""The environment variables that control when an ingest function returns memory to the system."""

MALLOC_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_TRIM_THRESHOLD_": str(2**22)}
"""Thresholds of glibc's allocator, in bytes: https://man7.org/linux/man-pages/man3/mallopt.3.html

Blocks of 1 MiB or more (pages and parts) are mapped, so that freeing one returns it to the system. By default glibc
raises that threshold and keeps the blocks on its heap, which fragments. A fixed threshold alone makes glibc return the
top of the heap after each batch of lines and request it again. So the heap keeps up to 4 MiB of free memory.
"""
