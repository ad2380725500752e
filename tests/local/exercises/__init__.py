"""Actions of people and services on the deployed stacks. Each exercise uses some grants and fails without one."""

from tests.local.exercises.ingests import Ingests
from tests.local.exercises.inventories import Inventories
from tests.local.exercises.jobs import Jobs
from tests.local.exercises.memory import Memory
from tests.local.exercises.recurring import RecurringJobs


class Exercises(Ingests, Jobs, Inventories, Memory, RecurringJobs):
    """All of them: each public method returns when all went as promised and raises AssertionError when not."""
