"""AWS on this machine, for development and tests: one process on 127.0.0.1, never shipped.

It is started as a process (``python -m local``, which is what ``brigade local`` runs) and imports nothing of
``brigade``: the emulator and the client are two readings of AWS's formats, so that a misreading cannot hide in both.
"""
