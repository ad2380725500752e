"""A user's declarations are found, and a mistake in one is reported in one clear line."""

import sys
import textwrap
from pathlib import Path

import pytest

from brigade.declarations import find, find_all
from brigade.errors import SettingsError


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package ``declared`` on the path, forgotten afterwards."""
    folder = tmp_path / "declared"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "declared"]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def test_a_module_more_is_a_declaration_more(declared: Path) -> None:
    (declared / "beta.py").write_text("THING = 2")
    (declared / "alpha.py").write_text("THING = 1")
    assert dict(find("declared", "THING", int)) == {"alpha": 1, "beta": 2}
    assert list(find("declared", "THING", int)) == ["alpha", "beta"]


def test_a_broken_module_stops_only_itself(declared: Path) -> None:
    (declared / "good.py").write_text("THING = 1")
    (declared / "bad.py").write_text("from brigade.errors import SettingsError; raise SettingsError('Source.x is 1')")
    found, broken = find_all("declared", "THING", int)
    assert dict(found) == {"good": 1}
    assert {name: str(error) for name, error in broken.items()} == {"bad": "declared.bad: Source.x is 1"}
    with pytest.raises(SettingsError, match=r"declared\.bad: Source\.x is 1"):
        find("declared", "THING", int)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("broken", "raise RuntimeError('boom')", "declared.broken does not import: RuntimeError: boom"),
        ("syntax", "def", "declared.syntax does not import: SyntaxError"),
        ("missing", "import no_such_package_at_all", "declared.missing does not import: ModuleNotFoundError"),
        ("empty", "", "declared.empty must define THING as a int, not NoneType"),
        ("wrong", "THING = 'x'", "declared.wrong must define THING as a int, not str"),
        ("Upper", "THING = 1", "declared.Upper: a name is lower-case letters"),
        ("a" * 33, "THING = 1", "rename the file"),
    ],
)
def test_a_mistake_names_the_module_on_one_line(declared: Path, name: str, text: str, says: str) -> None:
    (declared / f"{name}.py").write_text(textwrap.dedent(text))
    with pytest.raises(SettingsError) as caught:
        find("declared", "THING", int)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
