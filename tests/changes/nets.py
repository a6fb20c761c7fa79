"""Changes of a structure in a file, each of which it computes by: what picks a function, or holds a value."""

from __future__ import annotations

from changes.case import Case
from changes.tiny import NET

KIND = "structure"
BEND = "torch.tanh(self.first(x))"
HEAD = "import torch\nfrom torch import nn"


def bends(call: str, above: str = "", head: str = "") -> str:
    """Return the network with another bend, code above its class, and more imports."""
    text = NET.replace(BEND, call).replace("\n\nclass Net", f"\n{above}\n\nclass Net")
    return text.replace(HEAD, f"{head}\n{HEAD}")


def edited(name: str, text: str, old: str, new: str, kind: str = KIND) -> Case:
    """Return a case of one edit in a network's file."""
    return Case(name, kind, "anew", {"net.py": text}, {"net.py": (old, new)})


TABLE = "TABLE = {'a': lambda x: x.tanh(), 'b': lambda x: x.sin()}\nCHOSEN = 'a'\n"
FACTORY = "def make(k):\n    def bend(x):\n        return (k * x).tanh()\n    return bend\nONE, TWO = make(1), make(3)\n"
METHOD = "class Bend:\n    def __init__(self, k):\n        self.k = k\n    def act(self, x):\n        return (self.k * x).tanh()\nact = Bend(1).act\n"
IN_PLACE = "GAINS = [1.0]\nGAINS.append(2.0)\n"
SLOTS = "@dataclass(frozen=True, slots=True)\nclass Conf:\n    gain: float = json.loads('{\"gain\": 1.0}')['gain']\n"
BOUND = "gain = 1.0\ngain = 2.0\n"
META = "class Meta(type):\n    @property\n    def gain(cls):\n        return 1.0\nclass Conf(metaclass=Meta):\n    pass\n"
DESCRIPTOR = (
    "class Gain:\n    def __get__(self, one, owner):\n        return 1.0\nclass Conf:\n    gain = Gain()\n"
)
PROPERTY = "class Conf:\n    @property\n    def gain(self):\n        return 1.0\n"
DECORATOR = "def scaled(function):\n    def wrapper(x):\n        return 1.0 * function(x)\n    return wrapper\n@scaled\ndef act(x):\n    return x.tanh()\n"
CONDITIONAL = "FANCY = False\nclass Conf:\n    if FANCY:\n        gain = 3.0\n    else:\n        gain = 1.0\n"
GRAD = """
class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 1.0 * g

"""
BRANCH = NET.replace(
    "    def forward(self, x):",
    "        self.gate = nn.Parameter(torch.zeros(1))\n        self.side = nn.Conv1d(1, 1, 3, padding=1)\n\n"
    "    def forward(self, x):",
).replace("self.last(hidden)", "self.last(hidden) + self.gate * torch.relu(self.side(x))")
TIED = NET.replace(
    "self.last = nn.Conv1d(2,",
    "self.more = nn.Conv1d(2, 2, 1)\n        self.most = nn.Conv1d(2, 2, 1)\n        self.last = nn.Conv1d(2,",
).replace(BEND, "torch.tanh(self.most(self.more(self.first(x))))")
DROPPED = bends("nn.functional.dropout(torch.tanh(self.first(x)), 0.1, self.training)")
NORMED = NET.replace("self.last = nn", "self.norm = nn.BatchNorm1d(2)\n        self.last = nn").replace(
    BEND, "torch.tanh(self.norm(self.first(x)))"
)
COUNTED = """
import itertools
COUNT = itertools.count(1)

def act(x, n):
    return (n * x).tanh()
"""

PLAIN = (
    edited("a lambda picked from a table by its key", bends("TABLE[CHOSEN](self.first(x))", TABLE), "CHOSEN = 'a'", "CHOSEN = 'b'"),
    edited("a lambda within a table", bends("TABLE['a'](self.first(x))", TABLE), "lambda x: x.tanh()", "lambda x: x.atan()"),
    edited("a closure of one factory for another", bends("ACT(self.first(x))", FACTORY + "ACT = ONE\n"), "ACT = ONE", "ACT = TWO"),
    edited("what a factory closes over", bends("ONE(self.first(x))", FACTORY), "make(1)", "make(2)"),
    edited("a partial's bound argument", bends("act(self.first(x))", "act = partial(nn.functional.leaky_relu, negative_slope=0.1)\n", "from functools import partial"), "slope=0.1", "slope=0.5"),
    edited("a bound method of another instance", bends("act(self.first(x))", METHOD), "Bend(1)", "Bend(2)"),
    edited("a forward that is patched in below the class", NET + "\nNet.forward = lambda self, x: self.last(self.first(x).tanh())\n", "lambda self, x: self.last(self.first(x).tanh())", "lambda self, x: self.last(self.first(x).sin())"),
    edited("a forward that an instance is patched with", NET.replace("shape.outputs, 3, padding=1)\n", "shape.outputs, 3, padding=1)\n        self.first.forward = lambda x: 1.0 * nn.Conv1d.forward(self.first, x)\n"), "1.0 * nn", "0.5 * nn"),
    edited("a list changed in place", bends("GAINS[-1] * torch.tanh(self.first(x))", IN_PLACE), "append(2.0)", "append(3.0)"),
    edited("a dict changed in place", bends("GAINS['a'] * torch.tanh(self.first(x))", "GAINS = {}\nGAINS.update(a=1.0)\n"), "a=1.0", "a=0.5"),
    edited("a set changed in place", bends("len(SOME) * torch.tanh(self.first(x))", "SOME = {1}\nSOME.add(2)\n"), "add(2)", "add(1)"),
    edited("a slot's default", bends("Conf().gain * torch.tanh(self.first(x))", SLOTS, "import json\nfrom dataclasses import dataclass"), '"gain": 1.0', '"gain": 0.5'),
    edited("a NamedTuple's default", bends("Conf().gain * torch.tanh(self.first(x))", "class Conf(NamedTuple):\n    gain: float = 1.0\n", "from typing import NamedTuple"), "float = 1.0", "float = 0.5"),
    edited("a private class attribute", bends("self.__gain * torch.tanh(self.first(x))").replace("    def __init__", "    __gain = 1.0\n\n    def __init__"), "__gain = 1.0", "__gain = 0.5"),
    edited("the later of two bindings of one name", bends("gain * torch.tanh(self.first(x))", BOUND), "gain = 2.0", "gain = 0.5"),
    edited("the order of two bindings of one name", bends("gain * torch.tanh(self.first(x))", BOUND), BOUND, "gain = 2.0\ngain = 1.0\n"),
    edited("a defaultdict's factory", bends("GAINS['x'] * torch.tanh(self.first(x))", "GAINS = defaultdict(lambda: 1.0)\n", "from collections import defaultdict"), "lambda: 1.0", "lambda: 0.5"),
    edited("a SimpleNamespace", bends("conf.gain * torch.tanh(self.first(x))", "conf = SimpleNamespace(gain=1.0)\n", "from types import SimpleNamespace"), "gain=1.0", "gain=0.5"),
    edited("a tensor that is filled at import", bends("GAIN * torch.tanh(self.first(x))", "GAIN = torch.empty(8)\nGAIN[:] = torch.linspace(0, 1, 8)\n"), "linspace(0, 1, 8)", "linspace(0, 2, 8)"),
    edited("a function's attribute", bends("act.gain * act(self.first(x))", "def act(x):\n    return x.tanh()\nact.gain = 1.0\n"), "act.gain = 1.0", "act.gain = 0.5"),
    edited("a ContextVar's default", bends("GAIN.get() * torch.tanh(self.first(x))", "GAIN = ContextVar('gain', default=1.0)\n", "from contextvars import ContextVar"), "default=1.0", "default=0.5"),
    edited("a ContextVar that is set", bends("GAIN.get() * torch.tanh(self.first(x))", "GAIN = ContextVar('gain')\nGAIN.set(1.0)\n", "from contextvars import ContextVar"), "set(1.0)", "set(0.5)"),
    edited("a metaclass", bends("Conf.gain * torch.tanh(self.first(x))", META), "return 1.0", "return 0.5"),
    edited("a descriptor", bends("Conf.gain * torch.tanh(self.first(x))", DESCRIPTOR), "return 1.0", "return 0.5"),
    edited("a property", bends("Conf().gain * torch.tanh(self.first(x))", PROPERTY), "return 1.0", "return 0.5"),
    edited("a decorator", bends("act(self.first(x))", DECORATOR), "return 1.0 *", "return 0.5 *"),
    edited("a condition in a class body", bends("Conf.gain * torch.tanh(self.first(x))", CONDITIONAL), "FANCY = False", "FANCY = True"),
    edited("a default argument", bends("act(self.first(x))", "def act(x, gain=1.0):\n    return gain * x.tanh()\n"), "gain=1.0", "gain=0.5"),
    edited("a default of a keyword argument alone", bends("act(self.first(x))", "def act(x, *, gain=1.0):\n    return gain * x.tanh()\n"), "gain=1.0", "gain=0.5"),
    edited("a global that a helper reads by its name", bends("globals()['gain'] * torch.tanh(self.first(x))", "gain = 1.0\n"), "gain = 1.0", "gain = 0.5"),
    edited("code that is made by exec", bends("act(self.first(x))", "exec('def act(x):\\n    return x.tanh()')\n"), "x.tanh()", "x.sin()"),
    edited("an operator's method", bends("(Bend() @ self.first(x))", "class Bend:\n    def __matmul__(self, x):\n        return x.tanh()\n"), "x.tanh()", "x.sin()"),
    edited("a counter's start, begun anew by each network", bends("act(self.first(x), self.n)", COUNTED).replace("super().__init__()", "super().__init__()\n        self.n = next(itertools.count(1))"), "next(itertools.count(1))", "next(itertools.count(2))"),
)  # fmt: skip

TRAINED = (
    edited("the scheme of initial weights", NET.replace("    def forward", "        nn.init.normal_(self.first.weight, 0, 0.1)\n\n    def forward"), "0, 0.1", "0, 0.3"),
    edited("the order in which layers are initialised", NET, "        self.first = nn.Conv1d(shape.inputs, 2, 3, padding=1)\n        self.last = nn.Conv1d(2, shape.outputs, 3, padding=1)\n", "        last = nn.Conv1d(2, shape.outputs, 3, padding=1)\n        self.first = nn.Conv1d(shape.inputs, 2, 3, padding=1)\n        self.last = last\n"),
    edited("the rate of dropout", DROPPED, "0.1, self", "0.5, self"),
    edited("what is done in eval mode alone", bends("torch.tanh(self.first(x)) * (1 if self.training else 1.0)"), "else 1.0", "else 0.9"),
    edited("what is done in training alone", bends("torch.tanh(self.first(x)) * (1.0 if self.training else 1)"), "(1.0 if", "(0.9 if"),
    edited("the momentum of a batch norm", NORMED, "BatchNorm1d(2)", "BatchNorm1d(2, momentum=0.5)"),
    edited("a gradient that is rescaled", bends("torch.tanh(Scale.apply(self.first(x)))", GRAD), "1.0 * g", "4.0 * g"),
    edited("a gradient whose sign is turned", bends("torch.tanh(Scale.apply(self.first(x)))", GRAD), "1.0 * g", "-1.0 * g"),
    edited("a gradient that is detached", bends("torch.tanh(self.first(x))"), "self.first(x)", "self.first(x).detach() + 0 * self.first(x)"),
    edited("a hook that halves a gradient", NET.replace("    def forward", "        self.first.weight.register_hook(lambda g: 1.0 * g)\n\n    def forward"), "1.0 * g", "0.5 * g"),
    edited("a branch that is multiplied by zero at first", BRANCH, "torch.relu(self.side(x))", "torch.tanh(self.side(x))"),
    edited("a branch that is multiplied by a small number at first", BRANCH.replace("torch.zeros(1)", "1e-4 * torch.ones(1)"), "torch.relu(self.side(x))", "torch.tanh(self.side(x))"),
    edited("weights that are tied", TIED.replace("padding=1)\n\n    def", "padding=1)\n        TIE = False\n        if TIE:\n            self.most.weight = self.more.weight\n\n    def"), "TIE = False", "TIE = True"),
    edited("a weight that is frozen", NET.replace("    def forward", "        self.first.bias.requires_grad_(True)\n\n    def forward"), "grad_(True)", "grad_(False)"),
    edited("a buffer's value", NET.replace("    def forward", "        self.register_buffer('gain', torch.tensor(1.0))\n\n    def forward").replace(BEND, "self.gain * " + BEND), "tensor(1.0)", "tensor(0.5)"),
    edited("a buffer that is not stored", NET.replace("    def forward", "        self.register_buffer('gain', torch.tensor(1.0), persistent=False)\n\n    def forward").replace(BEND, "self.gain * " + BEND), "tensor(1.0)", "tensor(0.5)"),
    edited("how a border is padded", NET, "shape.outputs, 3, padding=1)", "shape.outputs, 3, padding=1, padding_mode='circular')"),
    edited("a weight's name, by which it is stored", NET, "self.first", "self.begin"),
    Case("what counts forwards in all of the process", KIND, "anew", {"net.py": bends("act(self.first(x), next(COUNT))", COUNTED)}, {"net.py": ("count(1)", "count(5)")}, repeats=False),
)  # fmt: skip
