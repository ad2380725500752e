"""Follow a job to its end."""

import time
from collections.abc import Callable, Iterator

from brigade.jobs.control import Control
from brigade.jobs.job import Job, of

_SHORTEST_S, _LONGEST_S = 0.5, 10.0


def follow(control: Control, job: str, pause: Callable[[float], object] = time.sleep) -> Iterator[Job]:
    """Give the job each time that it is asked, the last time when it is over or waits for a confirmation.

    It is asked after half a second, then ever less often, every ten seconds at last. Ending the loop early leaves the
    job running.
    """
    wait = _SHORTEST_S
    while True:
        seen = of(control.describe(job))
        yield seen
        if seen.over or seen.status == "Suspended":
            return
        pause(wait)
        wait = min(wait * 1.2, _LONGEST_S)
