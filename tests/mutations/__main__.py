"""Apply each mutation of the list and show which test notices it: `make mutate`.

`python -m tests.mutations [WORD]` runs only the mutations with this word in their name. The sources are copied to
`.brigade/mutate/` first, and the tests must pass there without a mutation. Exit 1 if a mutation survives, or if its
code does not run.
"""

import queue
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.mutation import Mutation
from tests.mutations.mutations import MUTATIONS
from tests.mutations.runner import ROOT, Outcome, check_mutation, copy_sources, find_file, run_tests

_WORKERS = 2
_UNMUTATED_S = 900.0


def main() -> None:
    """Run the mutations, two at a time, and print a table."""
    word = sys.argv[1] if sys.argv[1:] else ""
    chosen = [each for each in MUTATIONS if word in each.name]
    places = [find_file(each) for each in chosen]
    began = time.monotonic()
    with ThreadPoolExecutor(_WORKERS) as pool:
        copies = list(pool.map(copy_sources, [ROOT / ".brigade" / "mutate" / str(n) for n in range(_WORKERS)]))
        tests = list(dict.fromkeys(test for each in chosen for test in each.tests))
        shares = [tests[number::_WORKERS] for number in range(_WORKERS)]
        for status, output in pool.map(_run_unmutated, copies, shares):
            if status != 0:
                sys.exit(f"the tests fail without a mutation:\n{output}")
        free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for copy in copies:
            free.put(copy)

        def check(mutation: Mutation) -> Outcome:
            copy = free.get()
            try:
                return check_mutation(mutation, copy)
            finally:
                free.put(copy)

        killed = 0
        for mutation, place, outcome in zip(chosen, places, pool.map(check, chosen), strict=True):
            killed += outcome.verdict == "killed"
            by = outcome.test if outcome.verdict == "killed" else f"{outcome.verdict.upper()}: {outcome.test}"
            print(f"{mutation.name:<58} {place!s:<46} {outcome.seconds:>5.1f} s  {by}", flush=True)
    print(f"{killed} of {len(chosen)} mutations killed in {time.monotonic() - began:.0f} s")
    sys.exit(killed != len(chosen))


def _run_unmutated(copy: Path, tests: list[str]) -> tuple[int | None, str]:
    return run_tests(copy, tests, _UNMUTATED_S) if tests else (0, "")


if __name__ == "__main__":
    main()
