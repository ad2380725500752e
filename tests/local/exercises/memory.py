"""State: what the command remembers, and how it finds what is deployed."""

from tests.local.exercises.base import Base


class Memory(Base):
    """Each public method is an exercise: it returns when all went as promised and raises AssertionError when not."""

    # What the operator does, beside what is above

    def remember(self) -> None:
        self._deployed.ask("state", "put", "exercises/one", '{"a": 1}')
        assert self._deployed.ask("state", "get", "exercises/one")["value"] == {"a": 1}
        assert "exercises/one" in self._deployed.run("state", "list", "exercises/").stdout

    def look_back(self) -> None:
        for value in ("1", "2"):
            self._deployed.ask("state", "put", "exercises/past", value)
        first = self._deployed.ask("state", "history", "exercises/past")[-1]["version_id"]
        assert self._deployed.ask("state", "get", "exercises/past", "--version-id", first)["value"] == 1

    def forget(self) -> None:
        self._deployed.ask("state", "put", "exercises/brief", "1")
        self._deployed.ask("state", "delete", "exercises/brief", "--yes")
        self._deployed.ask("state", "get", "exercises/brief", exits=1)

    def find_what_is_deployed(self) -> None:
        elsewhere = self._folder / self._day()
        elsewhere.mkdir()
        done = self._deployed.run("state", "list", at=elsewhere)
        assert done.returncode == 0, done.stderr
