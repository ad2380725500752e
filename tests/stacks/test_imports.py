"""A function's package contains exactly our modules that the function imports."""

from pathlib import Path

import pytest

from brigade.errors import SettingsError
from stacks.parts.imports import find_imported_files

WHOLE = {"lazy/__init__", "lazy/one", "lazy/two", "leaf", "entry", "deep/__init__", "deep/er", "deep/side"}
"""The files of a package of lazy names, all of which may be used."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "ours/__init__.py": "",
        "ours/leaf.py": "import os, json, somebody.elses",
        "ours/entry.py": "from ours.deep.er import thing\n",
        "ours/deep/__init__.py": "from . import side\n",
        "ours/deep/er.py": "thing = 1\nfrom ..leaf import x\n",
        "ours/deep/side.py": "",
        "ours/late.py": "def f():\n    import ours.leaf\n",
        "ours/typed.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from ours import entry\nelse:\n    import ours.leaf\n"
        ),
        "ours/module.py": "from ours import leaf\n",
        "ours/name.py": "from ours.leaf import not_a_module\n",
        "ours/lost.py": "import ours.nowhere\n",
        "ours/unused.py": "",
        "ours/named.py": 'import importlib\nimportlib.import_module("ours.leaf")\nNOT = "ours.nowhere"\n',
        "ours/lazy/__init__.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from ours.lazy.one import one as first\n    from ours.lazy.two import two\n"
            "def __getattr__(name): ...\n"
        ),
        "ours/lazy/one.py": "import ours.leaf\n",
        "ours/lazy/two.py": "import ours.entry\n",
        "ours/user.py": "from ours.lazy import first\n",
        "ours/star.py": "from ours.lazy import *\n",
        "ours/whole.py": "import ours.lazy\n",
        "ours/inner.py": "from ours import lazy\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("ours.unused", {"unused"}),
        ("ours.entry", {"entry", "deep/__init__", "deep/er", "deep/side", "leaf"}),
        ("ours.late", {"late", "leaf"}),
        ("ours.typed", {"typed", "leaf"}),
        ("ours.module", {"module", "leaf"}),
        ("ours.name", {"name", "leaf"}),
        ("ours.named", {"named", "leaf"}),
        ("ours.user", {"user", "lazy/__init__", "lazy/one", "leaf"}),
        *((f"ours.{name}", {name, *WHOLE}) for name in ("star", "whole", "inner")),
    ],
)
def test_it_follows_what_is_imported_at_run_time(tree: Path, module: str, expected: set[str]) -> None:
    found = find_imported_files(tree, [module], packages=["ours"])
    assert {str(file) for file in found} == {"ours/__init__.py", *(f"ours/{name}.py" for name in expected)}
    assert found == sorted(found)


def test_a_module_that_is_not_there_is_named(tree: Path) -> None:
    with pytest.raises(SettingsError, match=r"ours\.nowhere is imported, but there is no such module under"):
        find_imported_files(tree, ["ours.lost"], packages=["ours"])
