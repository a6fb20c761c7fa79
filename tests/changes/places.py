"""Changes of what a structure reads from outside of its file: files, variables, modules, packages, notebooks."""

from __future__ import annotations

from conftest import plugin_text

from changes.case import Case
from changes.nets import bends
from changes.tiny import NET

READS, CELLS, PACKS = "what is read", "notebook", "package"
JSON = bends(
    "Conf.gain * torch.tanh(self.first(x))",
    "class Conf:\n    gain = json.loads(Path('conf.json').read_text())['gain']\n",
    "import json\nfrom pathlib import Path",
)
SLOTS = bends(
    "Conf().gain * torch.tanh(self.first(x))",
    "@dataclass(slots=True)\nclass Conf:\n    gain: float = json.loads(Path('conf.json').read_text())['gain']\n",
    "import json\nfrom dataclasses import dataclass\nfrom pathlib import Path",
)
NAMED = SLOTS.replace("@dataclass(slots=True)\nclass Conf:", "class Conf(NamedTuple):").replace(
    "from dataclasses import dataclass", "from typing import NamedTuple"
)
TOML = bends(
    "CONF['gain'] * torch.tanh(self.first(x))",
    "CONF = tomllib.loads(Path('conf.toml').read_text())\n",
    "import tomllib\nfrom pathlib import Path",
)
TEXT = bends(
    "float(Path('gain.txt').read_text()) * torch.tanh(self.first(x))", "", "from pathlib import Path"
)
HOME = bends(
    "GAIN * torch.tanh(self.first(x))",
    "GAIN = float(Path('~/w.txt').expanduser().read_text())\n",
    "from pathlib import Path",
)
ENV = bends("GAIN * torch.tanh(self.first(x))", "GAIN = float(os.environ['GAIN'])\n", "import os")
LATE_ENV = bends("float(os.environ['GAIN']) * torch.tanh(self.first(x))", "", "import os")
ARGV = bends("GAIN * torch.tanh(self.first(x))", "GAIN = float(sys.argv[1])\n", "import sys")
NEIGHBOUR = bends("neighbour.act(self.first(x))", "", "import sys\nsys.path.insert(0, '.')\nimport neighbour")
PLAIN = NET.replace("def __init__(self, shape)", "def __init__(self, shape, *, GIVEN)")
FILED = PLAIN.replace("GIVEN", "file: str = 'w.txt'").replace(
    "        self.last", "        from pathlib import Path\n        self.gain = float(Path(file).expanduser().read_text())\n        self.last"
).replace("return self.last", "return self.gain * self.last")  # fmt: skip
FOLDER = PLAIN.replace("GIVEN", "folder: str = 'words'").replace(
    "        self.last", "        from pathlib import Path\n        self.gain = sum(float(p.read_text()) for p in Path(folder).iterdir())\n        self.last"
).replace("return self.last", "return self.gain * self.last")  # fmt: skip
GAINED = PLAIN.replace("GIVEN", "gain: float = 1.0").replace(
    "        self.last", "        self.gain = gain\n        self.last"
).replace("return self.last", "return self.gain * self.last")  # fmt: skip
ONE, HALF = {"w.txt": "1.0"}, {"w.txt": "0.5"}
NOW, THEN = {"GAIN": "1.0"}, {"GAIN": "0.5"}
FIRST, SECOND = {"HOME": "{work}/one"}, {"HOME": "{work}/two"}
HOMES = {"one/w.txt": "1.0", "two/w.txt": "0.5"}

READ = (
    Case("conf.json, from which a class takes its gain", READS, "anew", {"net.py": JSON, "conf.json": '{"gain": 1.0}'}, {"conf.json": '{"gain": 0.001}'}),
    Case("conf.json, all of it in new processes", READS, "anew", {"net.py": JSON, "conf.json": '{"gain": 1.0}'}, {"conf.json": '{"gain": 0.001}'}, anew_process=True),
    Case("a slot's default that was read from JSON", READS, "anew", {"net.py": SLOTS, "conf.json": '{"gain": 1.0}'}, {"conf.json": '{"gain": 0.5}'}),
    Case("a NamedTuple's default that was read from JSON", READS, "anew", {"net.py": NAMED, "conf.json": '{"gain": 1.0}'}, {"conf.json": '{"gain": 0.5}'}),
    Case("a TOML file", READS, "anew", {"net.py": TOML, "conf.toml": "gain = 1.0\n"}, {"conf.toml": "gain = 0.5\n"}),
    Case("a text file that each forward reads", READS, "anew", {"net.py": TEXT, "gain.txt": "1.0"}, {"gain.txt": "0.5"}),
    Case("a file in another home", READS, "anew", {"net.py": HOME, **HOMES}, env=(FIRST, SECOND)),
    Case("a file at home, edited", READS, "anew", {"net.py": HOME, **HOMES}, {"one/w.txt": "0.7"}, env=(FIRST, FIRST)),
    Case("an environment variable that is read at import", READS, "anew", {"net.py": ENV}, env=(NOW, THEN)),
    Case("an environment variable of a new process", READS, "anew", {"net.py": ENV}, env=(NOW, THEN), anew_process=True),
    Case("an environment variable that each forward reads", READS, "anew", {"net.py": LATE_ENV}, env=(NOW, THEN)),
    Case("the command line", READS, "anew", {"net.py": ARGV}, argv=(["1.0"], ["0.5"])),
    Case("a module beside the file", READS, "anew", {"net.py": NEIGHBOUR, "neighbour.py": "def act(x):\n    return x.tanh()\n"}, {"neighbour.py": ("tanh", "sin")}),
    Case("a module that a module beside the file imports", READS, "anew", {"net.py": NEIGHBOUR, "neighbour.py": "import further\ndef act(x):\n    return further.act(x)\n", "further.py": "def act(x):\n    return x.tanh()\n"}, {"further.py": ("tanh", "sin")}),
    Case("the file that a parameter names", READS, "anew", {"net.py": FILED, **ONE}, {"w.txt": "0.5"}),
    Case("the file at home that a parameter names", READS, "anew", {"net.py": FILED, **HOMES}, asked={"structure": './net.py:Net(file="~/w.txt")'}, env=(FIRST, SECOND)),
    Case("a file of the folder that a parameter names", READS, "anew", {"net.py": FOLDER, "words/a": "0.5", "words/b": "0.5"}, {"words/b": "0.7"}),
    Case("a file that is new in the folder that a parameter names", READS, "anew", {"net.py": FOLDER, "words/a": "0.5"}, {"words/b": "0.7"}),
    Case("a parameter's default", READS, "anew", {"net.py": GAINED}, {"net.py": ("gain: float = 1.0", "gain: float = 0.5")}),
    Case("a parameter that is typed", READS, "anew", {"net.py": GAINED}, asked_after={"structure": "./net.py:Net(gain=0.5)"}),
    Case("the file that is named, of another name", READS, "anew", {"net.py": NET, "other.py": NET.replace("tanh", "sin")}, asked_after={"structure": "./other.py:Net"}),
)  # fmt: skip

CELL = {"structure": "cell:Net"}
FUNCTION = "from torch import nn\nGAIN = 1.0\n\ndef small(shape):\n    conv = nn.Conv1d(shape.inputs, shape.outputs, 3, padding=1)\n    nn.init.constant_(conv.bias, GAIN)\n    return conv\n"
PATCHED = NET + "\nreal = torch.tanh\ntorch.tanh = lambda x: 1.0 * real(x)\n"
PARTIAL = (
    NET.replace("(self, shape)", "(self, shape, gain)")
    .replace("        self.last", "        self.gain = gain\n        self.last")
    .replace("return self.last", "return self.gain * self.last")
    + "\nfrom functools import partial\nNet = partial(Net, gain=1.0)\n"
)
TOUCHED = NET + "\nnn.Conv1d.reset_parameters, real = lambda self: real(self), nn.Conv1d.reset_parameters\n"


def celled(name: str, text: str, old: str, new: str, of: str = "Net") -> Case:
    """Return a case of one edit in a notebook's cell."""
    return Case(name, CELLS, "anew", {"cell.py": text}, {"cell.py": (old, new)}, {"structure": f"cell:{of}"})


NOTEBOOK = (
    celled("a class's bend", NET, "tanh", "sin"),
    celled("a global that a function reads", FUNCTION, "GAIN = 1.0", "GAIN = 0.5", "small"),
    celled("an argument that a partial binds to a class", PARTIAL, "gain=1.0", "gain=0.5"),
    celled("a function of torch that is patched", PATCHED, "1.0 * real", "0.5 * real"),
    celled("a method of torch that is patched", TOUCHED, "lambda self: real(self)", "lambda self: (real(self), nn.init.zeros_(self.bias))"),
    celled("a closure's variable", "def make(gain):\n    from torch import nn\n    def small(shape):\n        conv = nn.Conv1d(1, 1, 3, padding=1)\n        nn.init.constant_(conv.bias, gain)\n        return conv\n    return small\nsmall = make(1.0)\n", "make(1.0)", "make(0.5)", "small"),
    celled("a lambda's body", "from torch import nn\nsmall = lambda shape: nn.Conv1d(1, 1, 3, padding=1)\n", "padding=1)", "padding=1, padding_mode='circular')", "small"),
    celled("a class that is bound anew below", NET + "\nclass Net(Net):\n    def forward(self, x):\n        return 1.0 * super().forward(x)\n", "1.0 * super", "0.5 * super"),
    celled("torch's default dtype of a constant", NET.replace("torch.tanh", "torch.tensor(1 / 3) * torch.tanh"), "1 / 3", "1 / 4"),
    Case("conf.json that a cell reads", CELLS, "anew", {"cell.py": JSON, "conf.json": '{"gain": 1.0}'}, {"conf.json": '{"gain": 0.5}'}, CELL),
    Case("an environment variable that a cell reads", CELLS, "anew", {"cell.py": ENV}, {}, CELL, env=(NOW, THEN), anew_process=True),
)  # fmt: skip

PLUGIN = plugin_text('"structure", "user-net", "user_pack.net:Net", "of a test"', '"layer", "user-layer", "user_pack.layer:Layer", "of a test"', '"encoding", "user-code", "user_pack.code:Code", "of a test"')  # fmt: skip
LAYER = "from torch import nn\n\nclass Layer(nn.Module):\n    def __init__(self, channels, size):\n        super().__init__()\n        self.mix = nn.Conv1d(channels, channels, 1)\n\n    def forward(self, x):\n        return x + self.mix(x).tanh()\n"
CODE = """
import torch


class Code:
    def __init__(self, channels, size, *, keys, heads):
        self.wave = 1.0 * torch.linspace(-1, 1, size[0])

    def mix(self, x):
        return (x + self.wave,) * 3
"""
PACK = {
    "site/user_pack/__init__.py": PLUGIN,
    "site/user_pack/net.py": NET.replace("import torch\n", "import torch\nfrom user_pack import core\n").replace("torch.tanh(self", "core.act(self"),
    "site/user_pack/core.py": "def act(x):\n    return x.tanh()\n",
    "site/user_pack/layer.py": LAYER,
    "site/user_pack/code.py": CODE,
}  # fmt: skip
ENTRY = {"user_pack": "user_pack"}
INFO = "site/user_pack-1.2.dist-info/METADATA"


def packed(name: str, structure: str, file: str, old: str, new: str, **more: object) -> Case:
    """Return a case of one edit in an installed package."""
    files = {**PACK, **more.pop("files", {})}  # type: ignore[dict-item]
    return Case(
        name, PACKS, "anew", files, {file: (old, new)}, {"structure": structure}, package=ENTRY, **more
    )  # type: ignore[arg-type]


HOSTED = "unet(downs=1)+user-layer"
OTHER = {"site/other.py": "def act(x):\n    return x.tanh()\n", "site/other-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "site/user_pack/core.py": "from other import act\n"}  # fmt: skip
PACKAGES = (
    packed("a module of the package", "user-net", "site/user_pack/core.py", "tanh", "sin"),
    packed("the class itself", "user-net", "site/user_pack/net.py", "3, padding=1", "5, padding=2"),
    packed("a layer that a network hosts", HOSTED, "site/user_pack/layer.py", "tanh", "sin"),
    packed("an encoding handed to a layer", "unet(downs=1)+lambda(heads=1)+user-code", "site/user_pack/code.py", "1.0 *", "0.5 *"),
    packed("a new version of the package, and nothing else", "user-net", INFO, "Version: 1.2", "Version: 1.3", differs=False),
    packed("another installed library's code, its version the same", "user-net", "site/other.py", "tanh", "sin", files=OTHER),
    packed("a module of a released package, its record the old one", "user-net", "site/user_pack/core.py", "tanh", "sin", released=True),
)  # fmt: skip
