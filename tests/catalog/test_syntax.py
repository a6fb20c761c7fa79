"""What is guarded: a trainer's digest sees its code, not its words, the same in every version of Python."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from changes.case import Edit, change
from changes.recipes import LAZY
from changes.tiny import TRAINER

from probekit.catalog.identity.syntax import hash_syntax, hash_tree
from probekit.catalog.registry import registry

PINNED = '''
"""A module."""
from __future__ import annotations
import math as m
from . import near
LIMITS: dict[str, float] = {"a": -1.5e-3, "b": float("inf"), **{}}

class Trainer(object, metaclass=type):
    """It trains."""
    version = 1

    @property
    async def rate(self, step: int, /, *rest, scale=1_000, **more) -> float | None:
        """The rate."""
        if (half := step // 2) and not step in (1, 2, None, True, ...):
            return f"{half!r:>{scale}} {step=}" "tail" if half else b"\\x00" * 2
        try:
            yield [x async for x in rest if x]
        except (ValueError, TypeError) as error:
            raise error from None
        finally:
            with open("é", "r") as one, one as two:
                del two
        match more:
            case {"a": [1, *_], **others} if others:
                lambda *a, k=1j, **b: a[1:2, ..., None]
            case str() | None:
                global LIMITS
'''


class Away:
    """The modules of a package, and what trains in it."""

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.folder = folder
        for name, text in texts.items():
            change(folder / name.removeprefix("site/"), text)

    def digest(self) -> str:
        """Return the digest of the trainer in a process that has loaded nothing of it."""
        for name in [name for name in sys.modules if name.partition(".")[0] in ("user_pack", "other")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return hash_syntax(importlib.import_module("user_pack.trainer").Steep)


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], Away]]:
    """Lay out packages on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield lambda texts: Away(tmp_path, texts)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("user_pack", "other")]:
        del sys.modules[name]


def test_the_digest_of_a_text_is_the_same_in_every_version_of_python() -> None:
    assert hash_tree(ast.parse(PINNED)) == "ad6de0b94250544738adf42c1d8710d5a8315a533c8cf63adfbb904d086699f0"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another."""'),
        ('"""A module."""', ""),
        ('"""It trains."""', "'''It trains\n    well.'''"),
        ('        """The rate."""\n', ""),
        ("version = 1\n", "version = 1  # the first\n\n\n"),
        ("1_000", "1000"),
        ('b"\\x00" * 2', "(\n                b'\\0' * 2)"),
        ("(1, 2, None", "( 1 , 2 , None"),
    ],
)
def test_words_and_layout_are_not_seen(old: str, new: str) -> None:
    assert old in PINNED
    assert hash_tree(ast.parse(PINNED.replace(old, new))) == hash_tree(ast.parse(PINNED))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", "version = True"),
        ("version = 1", "version = 1.0"),
        ("version = 1", "version = '1'"),
        ("-1.5e-3", "1.5e-3"),
        ("None, True", "True, None"),
        ("{half!r:", "{half!s:"),
        ("object, metaclass=type", "metaclass=type"),
        ("step // 2", "step / 2"),
        ("not step in", "step in"),
        ("if x]", "]"),
        ("a[1:2,", "a[1::2,"),
        ("from . import", "from .. import"),
        ('"b": float', '"c": float'),
        ("    @property\n", ""),
        ('"""The rate."""', '"""The rate."""\n        "not a docstring"'),
    ],
)
def test_code_is_seen(old: str, new: str) -> None:
    assert old in PINNED
    assert hash_tree(ast.parse(PINNED.replace(old, new))) != hash_tree(ast.parse(PINNED))


@pytest.mark.parametrize(
    ("name", "edit", "seen"),
    [
        ("user_pack/trainer.py", ("super().rate", "2 * super().rate"), True),
        ("user_pack/base.py", ("weight -=", "weight +="), True),
        ("user_pack/rates.py", ("else 0.5", "else 0.25"), True),
        ("user_pack/rates.py", ("def late", "# late\ndef late"), False),
        ("user_pack/deep/__init__.py", ("1", "2"), True),
        ("user_pack/deep/more.py", ("1", "2"), True),
        ("user_pack/unused.py", ("1", "2"), False),
        ("other.py", ("1", "2"), False),
    ],
)
def test_what_a_trainer_imports_of_its_own_package_is_seen(
    name: str, edit: Edit, seen: bool, away: Callable[[dict[str, str]], Away]
) -> None:
    rates = "from .deep import more\nimport other\ndef late(step):\n    return 1.0 if step < 5 else 0.5\n"
    texts = {
        **LAZY,
        "user_pack/rates.py": rates,
        "user_pack/deep/__init__.py": "ONE = 1\n",
        "user_pack/deep/more.py": "ONE = 1\n",
        "user_pack/unused.py": "ONE = 1\n",
        "other.py": "ONE = 1\n",
    }
    texts["user_pack/__init__.py"] = texts.pop("site/user_pack/__init__.py")
    texts.pop("site/user_pack/rates.py")
    found = away(texts)
    before = found.digest()
    assert len(before) == 16
    change(found.folder / name, edit)
    assert (found.digest() != before) is seen


def test_a_base_class_that_trains_is_seen_in_another_distribution(
    away: Callable[[dict[str, str]], Away],
) -> None:
    text = "import other\nimport torch\n\nclass Steep(other.Descent, torch.nn.Module):\n    pass\n"
    found = away({"user_pack/__init__.py": "", "user_pack/trainer.py": text, "other.py": TRAINER})
    before = found.digest()
    change(found.folder / "other.py", ("weight -=", "weight +="))
    assert found.digest() != before


def test_what_is_imported_later_changes_nothing(away: Callable[[dict[str, str]], Away]) -> None:
    found = away(LAZY)
    before = found.digest()
    target = sys.modules["user_pack.trainer"].Steep
    importlib.import_module("user_pack.rates")
    assert hash_syntax(target) == before


def test_a_file_that_is_edited_counts_once_it_is_loaded_anew(away: Callable[[dict[str, str]], Away]) -> None:
    found = away(LAZY)
    before = found.digest()
    target = sys.modules["user_pack.trainer"].Steep
    change(found.folder / "user_pack/base.py", ("weight -=", "weight +="))
    assert hash_syntax(target) == before
    importlib.reload(sys.modules["user_pack.base"])
    assert hash_syntax(target) != before
    assert found.digest() != before


def test_every_builtin_trainer_has_a_digest() -> None:
    known = registry()
    digests = {part.name: hash_syntax(known.load_target(part)) for part in known.components("trainer")}
    assert all(len(digest) == 16 for digest in digests.values())
