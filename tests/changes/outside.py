"""Changes that a replay does not promise to see: what it would have to train on, or look further, to know."""

from __future__ import annotations

from conftest import plugin_text

from changes.case import Case
from changes.nets import bends
from changes.places import ENTRY, NOW, THEN
from changes.recipes import OUTSIDE, READS
from changes.tiny import DESCENT, NET, PROBE, TRAINER

KIND = "outside the claim"
COUNTS = NET.replace("super().__init__()", "super().__init__()\n        self.seen = 0").replace(
    "        hidden", "        self.seen += self.training\n        hidden"
).replace("return self.last(hidden)", "return self.last(hidden) * (1.0 if self.seen < 6 else LATE)") + "\n\nLATE = 1.0\n"  # fmt: skip
CODE = {
    "site/user_pack/__init__.py": plugin_text(
        '"probe", "user-sum", "user_pack.probe:Tiny", "of a test"',
        '"trainer", "user-descent", "user_pack.trainer:Descent", "of a test"',
        '"structure", "user-net", "user_pack.net:Net", "of a test"',
    ),
    "site/user_pack/probe.py": PROBE,
    "site/user_pack/trainer.py": TRAINER,
    "site/user_pack/net.py": bends(
        "float(os.environ['GAIN']) * torch.tanh(self.first(x))", "", "import os"
    ),
}  # fmt: skip
RELEASED = {"probe": "user-sum", "trainer": "user-descent", "structure": "user-net"}

CASES = (
    Case("what a structure does from its sixth forward in training on", KIND, "outside", {"net.py": COUNTS}, {"net.py": ("LATE = 1.0", "LATE = 0.5")}, why="a structure's own steps after the third are not replayed"),
    Case("what a structure does with an item that is not among the sixteen", KIND, "outside", {"net.py": bends("torch.tanh(self.first(x)) * (1.0 if self.training or len(x) == 16 or len(x) == 1 else 1.0)")}, {"net.py": ("else 1.0", "else 0.9")}, {"probe": "./probe.py:Tiny(test=40)"}, why="sixteen test items are asked"),
    Case("a probe's items beyond the first eight of validation", KIND, "outside", {"probe.py": PROBE.replace("return inputs, inputs.cumsum", "inputs = inputs * (1.0 if split == 'validation' and index > 8 else 1)\n    return inputs, inputs.cumsum")}, {"probe.py": ("(1.0 if", "(0.9 if")}, why="the first items of each split are looked at; the version says the rest"),
    Case("the sign of the only gradient of a run of one step", KIND, "outside", {"net.py": bends("torch.tanh(Turn.apply(self.first(x)))", "class Turn(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x.clone()\n    @staticmethod\n    def backward(ctx, g):\n        return 1.0 * g\n")}, {"net.py": ("1.0 * g", "-1.0 * g")}, {"trainer": "./trainer.py:Descent(steps=1)"}, why="of gradients the norms are compared, and no second step shows the sign"),
    Case("a JSON file that a trainer reads by itself, for its sixth step", KIND, "outside", {"trainer.py": READS, "rates.json": "[0.1, 0.1]"}, {"rates.json": "[0.1, 0.2]"}, DESCENT, why="of a trainer its code is hashed; a file that a parameter names would be, too"),
    Case("another distribution's function that a trainer calls for its sixth step", KIND, "outside", OUTSIDE, {"site/other.py": ("else 0.5", "else 0.25")}, {"trainer": "user-descent"}, package=ENTRY, why="a trainer's code is followed within its own package"),
    Case("a variable that released code reads", KIND, "outside", CODE, {}, RELEASED, package=ENTRY, released=True, env=(NOW, THEN), why="released code is trusted by its version"),
)  # fmt: skip
