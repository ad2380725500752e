"""A mutation: a change of the code that breaks a central promise."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A change that breaks a promise.

    Attributes:
        name: What the changed code does wrong.
        text: A text that occurs exactly once under `brigade/`, `lambdas/` and `stacks/`.
        replacement: What replaces it.
        tests: Files or ids of tests. At least one test in them must fail.
    """

    name: str
    text: str
    replacement: str
    tests: tuple[str, ...]
