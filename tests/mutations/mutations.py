"""The mutations: each one breaks a central promise at one place in the code, and its tests must notice.

A mutation is found by its text, so a moved file changes nothing here. If the code at that place changes, change the
text with it.
"""

from tests.mutations.storage import STORAGE
from tests.mutations.trades import TRADES

MUTATIONS = (*STORAGE, *TRADES)
