"""Changes after which the same comes out: comments, names, places, equal formulas, and where it runs."""

from __future__ import annotations

from changes.case import Case
from changes.nets import BEND, bends
from changes.places import ENTRY, PACK
from changes.questions import PACK as PROBES
from changes.recipes import PACK as TRAINERS
from changes.tiny import DESCENT, NET, PROBE, TRAINER

KIND, OF_PROBE, OF_TRAINER, PLACE = (
    "harmless",
    "harmless, of a probe",
    "harmless, of a trainer",
    "harmless, of place",
)


def edited(name: str, old: str, new: str, text: str = NET) -> Case:
    """Return a case of one edit in a network's file."""
    return Case(name, KIND, "reuse", {"net.py": text}, {"net.py": (old, new)})


def asks(name: str, old: str, new: str, text: str = PROBE) -> Case:
    """Return a case of one edit in a probe's file."""
    return Case(name, OF_PROBE, "reuse", {"probe.py": text}, {"probe.py": (old, new)})


def trains(name: str, old: str, new: str) -> Case:
    """Return a case of one edit in a trainer's file."""
    return Case(name, OF_TRAINER, "reuse", {"trainer.py": TRAINER}, {"trainer.py": (old, new)}, DESCENT)


def packed(name: str, edits: dict[str, object], structure: str = "user-net") -> Case:
    """Return a case of edits in an installed package."""
    return Case(name, KIND, "reuse", PACK, edits, {"structure": structure}, package=ENTRY)  # type: ignore[arg-type]


HELPED = bends("act(self.first(x))", "def act(x):\n    y = x.tanh()\n    return y\n")
LISTED = NET.replace(
    BEND,
    "torch.tanh(self.first(x))\n        hidden = torch.tanh(hidden)\n        hidden = torch.tanh(hidden)",
)
GIVEN = bends("TABLE['a'] * torch.tanh(self.first(x))", "TABLE = {'a': 1.0, 'b': 2.0, 'c': 3.0}\n")

CASES = (
    edited("a comment", "    def forward", "    # forwards\n    def forward"),
    edited("a docstring", '"""Convolve, bend, convolve."""', '"""Convolve twice."""'),
    edited("a docstring that goes", '    """Convolve, bend, convolve."""\n', ""),
    edited("a formatter's blank lines", "\n    def forward", "\n\n\n    def forward"),
    edited("a formatter's line breaks", "nn.Conv1d(2, shape.outputs, 3, padding=1)", "nn.Conv1d(\n            2,\n            shape.outputs,\n            3,\n            padding=1,\n        )"),
    edited("an unused import", "import torch\n", "import collections\nimport torch\n"),
    edited("an import's form", BEND, "bend(self.first(x))", NET.replace("import torch\n", "import torch\nfrom torch import tanh as bend\n")),
    edited("a helper's name", "act", "bend_it", HELPED),
    edited("a local's name", "hidden", "inner"),
    edited("type annotations", "def forward(self, x):", "def forward(self, x: torch.Tensor) -> torch.Tensor:"),
    edited("a method that nobody calls", "    def forward", "    def size(self):\n        return 3\n\n    def forward"),
    edited("a class that nobody uses", "\n\nclass Net", "\n\nclass Other(nn.Module):\n    pass\n\n\nclass Net"),
    edited("the order of definitions", "def one():\n    return 1.0\n\ndef two():\n    return 2.0\n", "def two():\n    return 2.0\n\ndef one():\n    return 1.0\n", bends("one() * torch.tanh(self.first(x))", "def one():\n    return 1.0\n\ndef two():\n    return 2.0\n")),
    edited("logging", "        hidden", "        import logging\n\n        logging.getLogger('net').info('forwards')\n        hidden"),
    edited("printing", "        hidden", "        print('forwards')\n        hidden"),
    edited("a __repr__", "    def forward", "    def __repr__(self):\n        return 'Net'\n\n    def forward"),
    edited("a dict's order", "{'a': 1.0, 'b': 2.0, 'c': 3.0}", "{'c': 3.0, 'b': 2.0, 'a': 1.0}", GIVEN),
    edited("another writing of a number", "0.5 *", "1 / 2 *", bends("0.5 * torch.tanh(self.first(x))")),
    edited("a loop in place of three lines", "        hidden = torch.tanh(hidden)\n        hidden = torch.tanh(hidden)", "        for _ in range(2):\n            hidden = torch.tanh(hidden)", LISTED),
    edited("an equal formula, factored", "2 * y + 2 * z", "2 * (y + z)", bends("act(self.first(x))", "def act(x):\n    y, z = x.tanh(), x.sin()\n    return 2 * y + 2 * z\n")),
    edited("an equal formula by another function", "x / (1 + (-x).exp())", "nn.functional.silu(x)", bends("act(self.first(x))", "def act(x):\n    return x / (1 + (-x).exp())\n")),
    edited("a faster mean", "sum(x[..., i] for i in range(8)) / 8", "x.mean(-1)", bends("act(self.first(x))", "def act(x):\n    return (x - (sum(x[..., i] for i in range(8)) / 8)[..., None]).tanh()\n")),
    edited("a matrix product in place of a sum", "(x[:, :, None] * w[None, :, :, None]).sum(1)", "torch.einsum('bcl,cd->bdl', x, w)", bends("act(self.first(x))", "w = torch.linspace(-1, 1, 4).view(2, 2)\ndef act(x):\n    return (x[:, :, None] * w[None, :, :, None]).sum(1).tanh()\n")),
    edited("a function as a lambda", "def act(x):\n    y = x.tanh()\n    return y\n", "act = lambda x: x.tanh()\n", HELPED),
    edited("a method that is taken into a base class", "class Net(nn.Module):\n", "class Base(nn.Module):\n    def forward(self, x):\n        hidden = torch.tanh(self.first(x))\n        return self.last(hidden)\n\n\nclass Net(Base):\n", NET) ,
    edited("an assertion", "        hidden", "        assert x.ndim == 3\n        hidden"),
    packed("a function that moves to another file of the package", {"site/user_pack/core.py": "from user_pack.more import act\n", "site/user_pack/more.py": "def act(x):\n    return x.tanh()\n"}),
    packed("a comment in a package", {"site/user_pack/net.py": ("import torch\n", "# torch\nimport torch\n")}),
    packed("the line that says what a component is", {"site/user_pack/__init__.py": ("of a test", "of another test")}),
    packed("another component of the package", {"site/user_pack/layer.py": ("tanh", "sin")}),
    packed("a layer's docstring", {"site/user_pack/layer.py": ("class Layer(nn.Module):\n", 'class Layer(nn.Module):\n    """Mix."""\n\n')}, "unet(downs=1)+user-layer"),
    Case("a cell's comment", KIND, "reuse", {"cell.py": NET}, {"cell.py": ("    def forward", "    # on\n    def forward")}, {"structure": "cell:Net"}),
    Case("a cell's function, written anew as it was", KIND, "reuse", {"cell.py": NET}, {"cell.py": (BEND, "self.first(x).tanh()")}, {"structure": "cell:Net"}),
    asks("a comment in a probe", "    def loss", "    # squares\n    def loss"),
    asks("a probe's docstring", '"""Does it sum up?"""', '"""Does it sum?"""'),
    asks("what is said of a metric", '"mean square"', '"the mean square"'),
    asks("what is said of a scale", 'Scale("seconds"', 'Scale("a second"'),
    asks("an equal loss", "mse_loss(output, target)\n", "(output - target).square().mean()\n"),
    asks("a helper's name in a probe", "def item(", "def draw(", PROBE.replace("item(self.size", "globals().get('item', globals().get('draw'))(self.size")),
    asks("what a picture shows", "pictures take most", "pictures would take most"),
    Case("a comment in a probe's helper module", OF_PROBE, "reuse", PROBES, {"site/user_pack/core.py": ("def square", "# of x\ndef square")}, {"probe": "user-sum"}, package=ENTRY),
    trains("a comment in a trainer's file", "        self.step = 0 if", "        # from where it was\n        self.step = 0 if"),
    trains("a trainer's docstring", '"""Step down."""', '"""Go down."""'),
    trains("a trainer's docstring that goes", '    """Step down."""\n\n', ""),
    trains("a trainer's blank lines", "\n    def rate", "\n\n\n    def rate"),
    trains("a trainer's line breaks", "inputs, targets = read_batch(data, range(start, start + 8))", "inputs, targets = read_batch(\n                data, range(start, start + 8)\n            )"),
    Case("a comment in a trainer's helper module", OF_TRAINER, "reuse", TRAINERS, {"site/user_pack/rates.py": ("def late", "# late\ndef late")}, {"trainer": "user-descent"}, package=ENTRY),
    Case("the seed of Python's hashes", PLACE, "reuse", env=({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}), anew_process=True),
    Case("a variable that nothing reads", PLACE, "reuse", env=({"NOTHING": "1"}, {"NOTHING": "2"})),
    Case("the command line that nothing reads", PLACE, "reuse", argv=([], ["--fast"])),
    Case("the file, named by its whole path", PLACE, "reuse", {"net.py": NET}, asked_after={"structure": "{work}/net.py:Net"}),
    Case("the file, moved to another folder and pinned", PLACE, "reuse", {"sub/net.py": NET}, asked_after={"structure": "./sub/net.py:Net@{pin}"}),
    Case("the working directory", PLACE, "reuse", {f"sub/{name}": text for name, text in (("net.py", NET), ("probe.py", PROBE))}, argv=([], []), asked_after={"store": "{work}/store", "where": "sub"}),
)  # fmt: skip
