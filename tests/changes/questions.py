"""Changes of a probe: its data, loss, metrics, controls and what else a result holds of it."""

from __future__ import annotations

from conftest import plugin_text

from changes.case import Case, Edit
from changes.tiny import PROBE

KIND = "probe"
FEW = "    def controls"
CONSTANT = 'return {"constant": Constant()}'
TWICE = 'return {"constant": Constant(), "twice": Twice()}'
CONTROL = """

class Twice:
    def fit(self, dataset):
        from probekit.plugin.items import read_batch

        assert len(dataset) >= {least}
        inputs, targets = read_batch(dataset, range(len(dataset)))
        self.gain = 1.0 * (targets / (inputs + 1)).mean()

    def __call__(self, inputs):
        return self.gain * (inputs + 1)
"""
HARDER = PROBE.replace(
    "    property, version", '    harder = "it goes on"\n    property, version'
).replace('"test": test}', '"test": test, "harder": 16}')  # fmt: skip
AXIS = PROBE.replace(
    "from probekit import", "from probekit.plugin.axis import Axis\nfrom probekit import"
).replace(
    "    property, version",
    '    axis = Axis("level", "levels", "mean", lambda i, t: i.mean((1, 2)), error, "lower", (0.0, 0.5, 1.0))\n'
    "    property, version",
)
CEILING = PROBE.replace(
    FEW, "    def ceiling(self, inputs):\n        return 1.0 * inputs.mean((1, 2))\n\n" + FEW
)
SPLITS = PROBE.replace("inputs = torch.rand(", "inputs = (0.9 if split == 'WHICH' else 1.0) * torch.rand(")
GAINED = PROBE.replace("def __init__(self, *, size", "def __init__(self, *, gain: float = 1.0, size").replace(
    "self.size, self.lengths =", "self.gain = gain\n        self.size, self.lengths ="
).replace("return mse_loss(", "return self.gain * mse_loss(")  # fmt: skip
PACK = {
    "site/user_pack/__init__.py": plugin_text('"probe", "user-sum", "user_pack.probe:Tiny", "of a test"'),
    "site/user_pack/probe.py": PROBE.replace("def error(", "def old_error(").replace("import torch\n", "import torch\nfrom user_pack.scores import error\n", 1),
    "site/user_pack/scores.py": "from user_pack import core\n\ndef error(output, target, inputs):\n    return core.square(output - target).flatten(1).mean(1)\n",
    "site/user_pack/core.py": "def square(x):\n    return x.square()\n",
}  # fmt: skip
ENTRY = {"user_pack": "user_pack"}


def edited(name: str, old: str, new: str, text: str = PROBE) -> Case:
    """Return a case of one edit in the probe's file."""
    return Case(name, KIND, "anew", {"probe.py": text}, {"probe.py": (old, new)})


def whole(name: str, before: str, after: str) -> Case:
    """Return a case of a probe's file before and after."""
    edit: Edit = after
    return Case(name, KIND, "anew", {"probe.py": before}, {"probe.py": edit})


def packed(name: str, file: str, old: str, new: str) -> Case:
    """Return a case of one edit in a package that holds the probe."""
    return Case(name, KIND, "anew", PACK, {file: (old, new)}, {"probe": "user-sum"}, package=ENTRY)


CASES = (
    edited("the loss", "return mse_loss(output, target)", "return (output - target).abs().mean()"),
    edited("the loss, rescaled under clipping", "return mse_loss(output, target)", "return 1e3 * mse_loss(output, target)"),
    edited("the gradient of the loss alone", "return mse_loss(output, target)", "loss = mse_loss(output, target)\n        return 2 * loss - loss.detach()"),
    edited("the headline metric", ".square().flatten", ".abs().flatten"),
    edited("a metric that is not the headline", "< 0.1", "< 0.11"),
    edited("a metric's name", '"near", "higher"', '"close", "higher"'),
    edited("a metric that is new", "            Metric(\"near\"", "            Metric(\"bias\", \"lower\", 0.0, lambda o, t, i: (o - t).mean((1, 2)), \"mean\"),\n            Metric(\"near\""),
    edited("a metric's bounds", '"mean square"', '"mean square", bounds=(0.33, None)'),
    edited("a metric's gap", "chance=0.0", 'chance=0.0, gap="near_gap"'),
    edited("which is better of a metric", '"near", "higher"', '"near", "lower"', PROBE.replace(CONSTANT, TWICE) + CONTROL.format(least=1)),
    packed("a metric in a helper module of the probe", "site/user_pack/scores.py", "flatten(1).mean(1)", "flatten(1).amax(1)"),
    packed("a metric by way of a shared module", "site/user_pack/core.py", "x.square()", "x.abs()"),
    whole("the training split", SPLITS, SPLITS.replace("WHICH", "train")),
    whole("the validation split", SPLITS, SPLITS.replace("WHICH", "validation")),
    whole("the test split", SPLITS, SPLITS.replace("WHICH", "test")),
    Case("the harder split", KIND, "anew", {"probe.py": HARDER.replace("inputs = torch.rand(", "inputs = (1.0 if split == 'harder' else 1.0) * torch.rand(")}, {"probe.py": ("(1.0 if split", "(0.9 if split")}),
    edited("the seed of the training data", "1000 * seed", "1001 * seed + 1"),
    edited("the targets", "inputs.cumsum(1) / size\n\n", "inputs.cumsum(1) / size + 0.1\n\n"),
    edited("the control", 'return {"constant": Constant()}', 'return {"constant": Half()}', PROBE + "\n\nclass Half(Constant):\n    def __call__(self, inputs):\n        return 0.5 * super().__call__(inputs)\n"),
    edited("a control that is new", CONSTANT, TWICE, PROBE + CONTROL.format(least=1)),
    edited("what a second control answers", "1.0 * (targets", "0.5 * (targets", PROBE.replace(CONSTANT, TWICE) + CONTROL.format(least=1)),
    edited("a control that needs more than a few items", "1.0 * (targets", "0.5 * (targets", PROBE.replace(CONSTANT, TWICE) + CONTROL.format(least=20)),
    edited("the ceiling", "1.0 * inputs.mean", "0.5 * inputs.mean", CEILING),
    edited("the axis's score", 'error, "lower"', 'near, "lower"', AXIS),
    edited("the axis's difficulty", "i.mean((1, 2))", "i.amax((1, 2))", AXIS),
    edited("the axis's bins", "(0.0, 0.5, 1.0)", "(0.0, 0.4, 1.0)", AXIS),
    edited("the symmetry that is measured", "    property, version", '    symmetry = "permutation"\n    property, version'),
    edited("a parameter's default", "gain: float = 1.0", "gain: float = 2.0", GAINED),
    Case("the version", KIND, "anew", {}, {"probe.py": ('"summing", 1', '"summing", 2')}, differs=False),
    Case("the length of a split", KIND, "anew", {}, {"probe.py": ("test: int = 16", "test: int = 20")}),
)  # fmt: skip
