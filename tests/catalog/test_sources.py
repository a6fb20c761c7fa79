"""What is guarded: a source hash moves with the code a component rests on, and with no other."""

from __future__ import annotations

import functools
import importlib
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import environment

from probekit.catalog.code.sources import source_hash

FILES = {
    "__init__.py": "raise_no_more = 1",
    "layers/__init__.py": "LISTED = ['lambda', 'deformable']",
    "layers/lambda_.py": (
        "from __future__ import annotations\n"
        "import json\n"
        "from probekit.components import NAME\n"
        "from . import softmax\n"
        "from ..maths.norms import layer_norm\n"
        "class Lambda:\n"
        "    def late(self):\n"
        "        import TOP.tables.frequencies\n"
        "        from TOP.missing import nothing\n"
    ),
    "layers/softmax.py": "from TOP.maths import exponent\nfrom . import lambda_",
    "layers/deformable.py": "from . import softmax\nclass Deformable: ...",
    "maths/__init__.py": "",
    "maths/norms.py": "layer_norm = 1",
    "maths/exponent.py": "e = 2.7",
    "maths/unused.py": "raise RuntimeError('imported')",
    "tables/frequencies.py": "raise RuntimeError('imported')",
}
COUNTER = itertools.count()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    top = tmp_path / f"sourced{next(COUNTER)}"
    for name, text in FILES.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("TOP", top.name))
    monkeypatch.syspath_prepend(str(tmp_path))
    return top


def load(package: Path, module: str, attribute: str) -> Any:
    return getattr(importlib.import_module(f"{package.name}.{module}"), attribute)


RESTS_ON = [
    "layers/lambda_.py",
    "layers/softmax.py",
    "maths/norms.py",
    "maths/exponent.py",
    "tables/frequencies.py",
]


@pytest.mark.parametrize("file", FILES)
def test_the_hash_moves_with_what_is_imported_and_with_nothing_else(file: str, package: Path) -> None:
    target = load(package, "layers.lambda_", "Lambda")
    before = source_hash(target)
    assert before is not None
    assert len(before) == 64
    path = package / file
    path.write_text(path.read_text() + "\n# edited\n")
    assert (source_hash(target) != before) is (file in RESTS_ON)


def test_a_package_counts_where_something_is_taken_from_it(package: Path) -> None:
    (package / "layers/lambda_.py").write_text("from . import LISTED\nclass Lambda: ...")
    target = load(package, "layers.lambda_", "Lambda")
    before = source_hash(target)
    (package / "layers/__init__.py").write_text("LISTED = []")
    assert source_hash(target) != before


def test_the_hash_is_that_of_names_and_bytes_wherever_the_package_lies(package: Path, tmp_path: Path) -> None:
    here = source_hash(load(package, "layers.lambda_", "Lambda"))
    there = tmp_path / "elsewhere"
    there.mkdir()
    package.rename(there / package.name)
    program = (
        f"from {package.name}.layers.lambda_ import Lambda; "
        "from probekit.catalog.code.sources import source_hash; print(source_hash(Lambda))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(there, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == here


def test_renaming_an_imported_module_moves_the_hash(package: Path) -> None:
    target = load(package, "layers.lambda_", "Lambda")
    before = source_hash(target)
    (package / "maths/norms.py").rename(package / "maths/norm.py")
    assert source_hash(target) != before


def test_reading_imports_nothing(package: Path) -> None:
    target = load(package, "layers.lambda_", "Lambda")
    source_hash(target)
    assert f"{package.name}.tables.frequencies" not in sys.modules
    assert f"{package.name}.layers.deformable" not in sys.modules


def test_partials_are_read_through_and_what_has_no_file_has_no_hash(package: Path) -> None:
    target = load(package, "layers.lambda_", "Lambda")
    assert source_hash(functools.partial(target)) == source_hash(target)
    assert source_hash(len) is None
    assert source_hash(eval("lambda: 0", {"__name__": "never_a_module"})) is None


def test_a_class_in_a_script_is_hashed_by_the_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from probekit.catalog.code.sources import source_hash\nclass Mine: ...\nprint(source_hash(Mine))"
    )
    hashes = []
    for extra in ("", "", "# edited"):
        script.write_text(script.read_text() + extra)
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        hashes.append(done.stdout)
    assert hashes[0] == hashes[1] != hashes[2]
    assert "None" not in hashes[0]


def test_code_typed_at_a_prompt_has_no_hash() -> None:
    program = (
        "from probekit.catalog.code.sources import source_hash\nclass Mine: ...\nprint(source_hash(Mine))"
    )
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
