"""What is guarded: an identity sees all that code rests on and reads, and stays where that is the same."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import environment
from small import planned

from probekit.plans.plan import Plan

NET = """
from torch import nn
{top}

class Net(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.out = nn.Conv2d(shape.inputs, shape.outputs, 1)
        self.act = {act}

    def forward(self, x):
        return self.out(x)
"""
Plans = Callable[..., Plan]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder that is on the path, as for `python -m probekit`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def plan(here: Path, monkeypatch: pytest.MonkeyPatch) -> Plans:
    """Plan a network of a file of its own in what stands for a new process: its modules are loaded anew."""

    def make(top: str = "", act: str = "None", argv: str = "", **beside: str) -> Plan:
        monkeypatch.setattr(sys, "argv", ["probekit", argv])
        for name, text in beside.items():
            (here / f"{name}.py").write_text(text)
        (here / "net.py").write_text(NET.format(top=top, act=act))
        for name in [name for name in sys.modules if name in beside or name.startswith("probekit_file_")]:
            monkeypatch.delitem(sys.modules, name)
        return planned(structure="./net.py:Net")

    return make


HELPER = "import sys\nCHOSEN = sys.argv[1]\nheld = {'act': sys.argv[1]}\nclass Act:\n    name = sys.argv[1]\n"

READ = {
    "a global": ("import sys\nACT = sys.argv[1]", "ACT"),
    "in a container": ("import sys\nACTS = [{'act': (sys.argv[1], 1)}]", "ACTS[0]"),
    "made of another global": ("import sys\nACT = sys.argv[1]\nBOTH = ACT + '!'", "BOTH"),
    "of a function that is called": ("import sys\nACT = sys.argv[1]\ndef act():\n    return ACT", "act()"),
    "of a nested function": ("import sys\nACT = sys.argv[1]", "(lambda: [ACT for _ in range(2)])()"),
    "a default": ("import sys\ndef act(name=sys.argv[1]):\n    return name", "act()"),
    "an attribute of a class": ("import sys\nclass Act:\n    name = sys.argv[1]", "Act.name"),
    "an attribute of a base": (
        "import sys\nclass Base:\n    name = sys.argv[1]\nclass Act(Base): ...",
        "Act()",
    ),
    "in a closure": (
        "import sys\ndef made(name):\n    return lambda: name\nact = made(sys.argv[1])",
        "act()",
    ),
    "in a partial": (
        "import sys\nfrom functools import partial\nACT = partial(str.join, sys.argv[1])",
        "ACT(['a'])",
    ),
    "in an object": (
        "import sys\nfrom dataclasses import dataclass\n@dataclass(frozen=True)\nclass Act:\n    name: str\n"
        "ACT = Act(sys.argv[1])",
        "ACT.name",
    ),
    "a class that was chosen": ("import sys\nACT = getattr(nn, sys.argv[1])", "ACT()"),
    "a number": ("import sys\nACT = len(sys.argv[1])", "ACT"),
    "a tensor": ("import sys\nimport torch\nACT = torch.ones(len(sys.argv[1]))", "ACT"),
    "of a module beside": ("import beside", "beside.CHOSEN"),
    "taken from a module beside": ("from beside import CHOSEN", "CHOSEN"),
    "in a dictionary of a module beside": ("from beside import held", "held['act']"),
    "of a class of a module beside": ("from beside import Act", "Act.name"),
    "imported late": ("import beside", "__import__('beside').CHOSEN if False else beside.CHOSEN"),
    "set by a call": (
        "import sys\nACT = 'ReLU'\ndef use(n):\n    global ACT\n    ACT = n\nuse(sys.argv[1])",
        "ACT",
    ),
    "put into a dictionary": ("import sys\nACT = {}\nACT['name'] = sys.argv[1]", "ACT['name']"),
}


@pytest.mark.parametrize("how", READ)
def test_what_the_code_reads_in_its_process_is_part_of_the_identity(how: str, plan: Plans) -> None:
    top, act = READ[how]
    first, same, other = (plan(top, act, argv, beside=HELPER) for argv in ("ReLU", "ReLU", "Sigmoid"))
    assert first.nonce == ""
    assert first.identity == same.identity != other.identity


STEADY = {
    "a number": ("SIDE = 3\nTWICE = 2 * SIDE", "TWICE"),
    "a table": ("KINDS = {1: ('linear', None), 2: 'bilinear'}", "KINDS[1]"),
    "a table of classes": ("CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}", "CONVOLUTIONS[1]"),
    "a pattern": ("import re\nWORD = re.compile('[a-z]+')", "WORD.match('a')"),
    "a logger": ("import logging\nlog = logging.getLogger(__name__)", "log.debug('')"),
    "a dtype": ("import torch\nTYPE = torch.float32", "TYPE"),
    "a type variable": ("from typing import TypeVar\nT = TypeVar('T')", "T"),
    "a cached function": ("from functools import cache\n@cache\ndef act(n):\n    return [n]", "act(3)"),
    "a memo": ("KEPT = {}\ndef act(n):\n    KEPT[n] = [n]\n    return KEPT[n]", "act(3)"),
    "a lambda": ("act = lambda n: n + 1", "act(1)"),
    "a decorated function": ("import torch\n@torch.no_grad()\ndef act():\n    return 1", "act()"),
    "a constant tensor": ("import torch\nKERNEL = torch.tensor([1.0, 2.0]) / 3", "KERNEL"),
    "a path beside the file": ("from pathlib import Path\nHERE = Path(__file__).parent", "HERE"),
    "an enum": ("from enum import Enum\nclass Mode(Enum):\n    ONE = 1", "Mode.ONE"),
    "a named tuple": ("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int = 1", "P()"),
    "a metric": ("from probekit import Metric\nM = Metric('m', 'higher', 1.0, max, '')", "M"),
    "a constant of the standard library": ("from math import pi", "pi"),
}


@pytest.mark.parametrize("how", STEADY)
def test_what_the_source_decides_adds_nothing_so_that_older_results_are_found(how: str, plan: Plans) -> None:
    for _ in range(2):
        found = plan(*STEADY[how])
        assert (found.nonce, found.components[1].values) == ("", {})
        assert len(found.components[1].hashed) == 5


OBJECTS = {
    "an object": ("from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\nACT = A(3)", "ACT"),
    "a module of torch": ("ACT = nn.GELU()", "ACT"),
    "a lock": ("import threading\nLOCK = threading.Lock()", "LOCK"),
    "an array": ("import numpy as np\ndef f():\n    return np.arange(3)\nACT = f()", "ACT"),
    "a circle": ("ACT = []\nACT.append(ACT)", "ACT"),
    "a set": ("ACT = set('abcdef') | {str(i) for i in range(9)}", "ACT"),
}


@pytest.mark.parametrize("how", OBJECTS)
def test_what_can_be_read_off_is_reused(how: str, plan: Plans) -> None:
    first, second = plan(*OBJECTS[how]), plan(*OBJECTS[how])
    assert first.nonce == ""
    assert first.identity == second.identity


UNREADABLE = {
    "an open file": ("import sys\nACT = sys.__stderr__", "ACT"),
    "a generator": ("ACT = (n for n in range(3))", "next(ACT, None)"),
    "inside a container": ("import sys\nACT = {'a': [sys.__stderr__]}", "ACT"),
    "a random number": ("import random\nACT = random.random()", "ACT"),
    "random weights": ("import torch\nACT = nn.Linear(3, 3)", "ACT"),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_what_cannot_be_read_off_or_is_drawn_is_never_reused(how: str, plan: Plans) -> None:
    first, second = plan(*UNREADABLE[how]), plan(*UNREADABLE[how])
    assert first.identity != second.identity


def test_a_value_is_the_same_in_every_process() -> None:
    program = (
        "import re, enum; from probekit.catalog.code.values import digest\n"
        "print(digest([set('abcdef'), {1: {'x', 'y'}, 'z': re.compile('a|b')}, {(1, 2.5), 'q'}], id))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment(None, {"PYTHONHASHSEED": seed}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_versions_of_torch_and_numpy_are_recorded_and_not_hashed(plan: Plans) -> None:
    found = plan("import numpy as np\nimport torch")
    used = found.components[1]
    assert set(used.imports) == {"numpy", "torch"}
    newer = used.model_copy(update={"imports": {"numpy": "99", "torch": "99"}})
    components = (found.components[0], newer, *found.components[2:])
    assert found.model_copy(update={"components": components}).identity == found.identity


def test_modules_that_no_distribution_holds_are_followed_through(plan: Plans) -> None:
    texts = {"first": "from second import side", "second": "import third\nside = 1", "third": "deep = 2"}
    before = plan("from first import side", "side", **texts)
    assert plan("from first import side", "side", **texts).identity == before.identity
    for name in texts:
        edited = {**texts, name: texts[name] + "  # edited"}
        assert plan("from first import side", "side", **edited).identity != before.identity
    assert plan("from first import side", "side", **texts, unused="side = 3").identity == before.identity


def test_a_parameter_that_names_a_file_hashes_that_file(here: Path) -> None:
    text = """
from torch import nn

def net(shape, *, table: str = 'none', depth: int = 1):
    return nn.Conv2d(3, 1, 1)
"""
    (here / "net.py").write_text(text)
    structure = "./net.py:net(table='table.csv')"
    none = planned(structure=structure)
    found = []
    for content in ("1,2", "1,2", "1,3"):
        (here / "table.csv").write_text(content)
        found.append(planned(structure=structure))
    assert found[0].identity == found[1].identity
    assert len({none.identity, found[0].identity, found[2].identity}) == 3
    assert none.components[1].files == {}
    os.remove(here / "table.csv")
    (here / "table.csv").mkdir()
    assert planned(structure=structure).identity == none.identity


def test_a_global_that_is_set_from_outside_is_seen(plan: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan("import beside", "beside.SIDE", beside="SIDE = 3\ndef act():\n    return SIDE\n")
    monkeypatch.setattr(sys.modules["beside"], "SIDE", 5)
    other = planned(structure="./net.py:Net")
    assert other.identity != before.identity
    monkeypatch.setattr(sys.modules["beside"], "SIDE", 3)
    assert planned(structure="./net.py:Net").identity == before.identity


def test_a_function_put_in_another_s_place_is_seen(plan: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan("import beside", "beside.act()", beside="def act():\n    return 3\n")
    monkeypatch.setattr(sys.modules["beside"], "act", itertools.count)
    assert planned(structure="./net.py:Net").identity != before.identity
