"""Changes of a trainer: at once, after the third step, and in what it is made of."""

from __future__ import annotations

from conftest import plugin_text

from changes.case import Case
from changes.nets import DROPPED
from changes.tiny import DESCENT, NET, TRAINER

KIND, LATE = "trainer", "trainer, after the third step"
RATE = "        return self.lr\n"
SILENT = TRAINER.replace("            watch_step(model, loss)\n", "").replace('"steps": self.steps, "loss": float(loss.detach())}', '"steps": self.steps}')  # fmt: skip
READS = TRAINER.replace("import torch\n", "import json\nfrom pathlib import Path\n\nimport torch\n", 1).replace(
    "\n\nclass Descent", "\nRATES = json.loads(Path('rates.json').read_text())\n\n\nclass Descent"
).replace(RATE, "        return RATES[step >= 5]\n")  # fmt: skip
CONF = TRAINER.replace(
    "\n\nclass Descent",
    "\nimport json\nfrom pathlib import Path\n\nLR = json.loads(Path('lr.json').read_text())\n\n\nclass Descent",
).replace(RATE, "        return LR\n")
FILED = TRAINER.replace("lr: float = 0.1", "lr: float = 0.1, plan: str = 'plan.txt'").replace(
    "self.lr, self.steps, self.step = lr, steps, 0",
    "self.lr, self.steps, self.step = lr, steps, 0\n        self.plan = [float(line) for line in open(plan)]",
).replace(RATE, "        return self.plan[step]\n")  # fmt: skip
PLAN = "0.1\n" * 8
PACK = {
    "site/user_pack/__init__.py": plugin_text('"trainer", "user-descent", "user_pack.trainer:Steep", "of a test"'),
    "site/user_pack/base.py": TRAINER,
    "site/user_pack/rates.py": "def late(step):\n    return 1.0 if step < 5 else 0.5\n",
    "site/user_pack/numbers.py": "TAIL = 0.5\n",
    "site/user_pack/trainer.py": "from user_pack.base import Descent\nfrom user_pack.numbers import TAIL\nfrom user_pack.rates import late\n\n\nclass Steep(Descent):\n    def rate(self, step):\n        return super().rate(step) * late(step) * (1.0 if step < 6 else TAIL)\n",
}  # fmt: skip
ENTRY = {"user_pack": "user_pack"}
LAZY = {
    **PACK,
    "site/user_pack/trainer.py": "from user_pack.base import Descent\n\n\nclass Steep(Descent):\n    def rate(self, step):\n        from user_pack.rates import late\n\n        return super().rate(step) * late(step)\n",
}
OUTSIDE = {
    **PACK,
    "site/other.py": "def late(step):\n    return 1.0 if step < 5 else 0.5\n",
    "site/user_pack/trainer.py": PACK["site/user_pack/trainer.py"].replace("user_pack.rates", "other"),
}
NEIGHBOUR = TRAINER.replace("import torch\n", "import sys\n\nimport torch\n\nsys.path.insert(0, '.')\nimport schedule\n", 1).replace(RATE, "        return schedule.rate(step)\n")  # fmt: skip


def edited(name: str, old: str, new: str, text: str = TRAINER, kind: str = KIND) -> Case:
    """Return a case of one edit in the trainer's file."""
    return Case(name, kind, "anew", {"trainer.py": text}, {"trainer.py": (old, new)}, DESCENT)


def packed(name: str, file: str, old: str, new: str, files: dict[str, str] = PACK) -> Case:
    """Return a case of one edit in a package that holds the trainer."""
    asked = {"trainer": "user-descent"}
    return Case(name, LATE, "anew", files, {f"site/{file}": (old, new)}, asked, package=ENTRY)


def quiet(name: str, old: str, new: str, text: str = NET) -> Case:
    """Return a case of one edit in a network, under a trainer that reports neither steps nor a loss."""
    return Case(name, KIND, "anew", {"trainer.py": SILENT, "net.py": text}, {"net.py": (old, new)}, DESCENT)


CASES = (
    edited("the rate", "return self.lr", "return 2 * self.lr"),
    edited("the default rate", "lr: float = 0.1", "lr: float = 0.2"),
    edited("the sign of a step", "weight -=", "weight +="),
    edited("the batches", "start = 8 * self.step", "start = 8 * (self.step + 1)"),
    Case("the version", KIND, "anew", {}, {"trainer.py": ("version = 1", "version = 2")}, DESCENT, differs=False),
    edited("decay of the weights", "weight -= ", "weight *= 0.9\n                        weight -= "),
    Case("a builtin trainer's parameter", KIND, "anew", asked_after={"trainer": "supervised(batch=8,epochs=2,clip=0.5)"}),
    Case("the rate in a JSON file", KIND, "anew", {"trainer.py": CONF, "lr.json": "0.1"}, {"lr.json": "0.2"}, DESCENT),
    quiet("a bend, where no step is reported", "tanh", "sin"),
    quiet("initial weights, where no step is reported", "        self.last", "        nn.init.zeros_(self.first.bias)\n        self.last"),
    quiet("dropout, where no step is reported", "0.1, self", "0.5, self", DROPPED),
    edited("a schedule", "return self.lr", "return self.lr * (1.0 if step < 5 else 0.1)", kind=LATE),
    edited("an early stop", "while self.step < self.steps:", "while self.step < min(self.steps, 5):", kind=LATE),
    edited("an end from the fifth step on", "            self.step += 1", "            if self.step == 5:\n                weight = None\n                with torch.no_grad():\n                    next(model.parameters()).zero_()\n            self.step += 1", kind=LATE),
    edited("a number in a schedule", "step < 5 else 0.1", "step < 5 else 0.2", TRAINER.replace("return self.lr", "return self.lr * (1.0 if step < 5 else 0.1)"), kind=LATE),
    edited("a global of its module", "TAIL = 0.5", "TAIL = 0.25", TRAINER.replace(RATE, "        return self.lr * (1.0 if step < 5 else TAIL)\n") + "\n\nTAIL = 0.5\n", kind=LATE),
    edited("a function beside it in the file", "return 0.5", "return 0.25", TRAINER.replace(RATE, "        return self.lr * (1.0 if step < 5 else tail())\n") + "\n\ndef tail():\n    return 0.5\n", kind=LATE),
    edited("its default number of steps", "steps: int = 8", "steps: int = 9", kind=LATE),
    Case("the file that a parameter names", LATE, "anew", {"trainer.py": FILED, "plan.txt": PLAN}, {"plan.txt": "0.1\n" * 5 + "0.2\n" * 3}, DESCENT),
    packed("its base class in another module", "user_pack/base.py", "weight -=", "weight *= 1.0 if self.step < 5 else 0.9\n                        weight -="),
    packed("a function of a helper module", "user_pack/rates.py", "else 0.5", "else 0.25"),
    packed("a number of a helper module", "user_pack/numbers.py", "0.5", "0.25"),
    packed("a base class of another distribution", "other.py", "weight -=", "weight *= 1.0 if self.step < 5 else 0.9\n                        weight -=", {**PACK, "site/other.py": TRAINER, "site/user_pack/base.py": "from other import Descent\n"}),
    packed("a helper module that is imported within a method", "user_pack/rates.py", "else 0.5", "else 0.25", LAZY),
    Case("a module beside the trainer's file", LATE, "anew", {"trainer.py": NEIGHBOUR, "schedule.py": "def rate(step):\n    return 0.1\n"}, {"schedule.py": ("return 0.1", "return 0.1 if step < 5 else 0.2")}, DESCENT),
)  # fmt: skip
