"""What is guarded: a finite set is shared out item by item; no oracle means no certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from broken_parts.probes import Probe
from small import call

from probekit import Items, Scale
from probekit.authors.check import Finding, checks
from probekit.catalog.registry import Registry, registry
from probekit.evidence.certify import certify_probe
from probekit.evidence.item_checks import check_repeats
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.storage.store import Store

SHARES = {"train": range(256), "validation": range(256, 320), "test": range(320, 512)}


class Numbered(Probe):
    """All words of nine bits, shared out in their order."""

    finite = "by number: a half, an eighth, the rest"
    golden: Any = {}
    scales = {"smoke": Scale("seconds", {}, {}, width=4)}
    parts: Any = SHARES
    step = 0

    def data(self, split: str, seed: int) -> Items:
        numbers = self.parts[split]
        return Items(len(numbers), lambda index: self.item(numbers[index] + self.step * seed))

    def item(self, number: int) -> Any:
        bits = torch.tensor([float(number >> place & 1) for place in range(32)])
        inputs = torch.stack([bits, bits.roll(1)])
        return inputs, (inputs[:1] == inputs[1:]).float()


class Overlapping(Numbered):
    """The last training items, beyond those that other checks read, are test items."""

    parts = {**SHARES, "train": [*range(256), *range(320, 324)]}


class Repeating(Numbered):
    """A test item occurs twice."""

    parts = {**SHARES, "test": [*range(320, 512), 320]}


class Growing(Numbered):
    """Another seed trains on other items."""

    step = 1000


class NoOracle(Probe):
    """Nobody knows the right answers."""

    oracle: Any = None
    scales = {"smoke": Scale("seconds", {}, {}, width=4)}


def knowing(target: Any) -> Registry:
    return registry().with_components(Component("probe", "set", target, ""))


def find(target: Any, name: str) -> Finding:
    (check,) = [c for c in checks("probe", "set", registry=knowing(target)) if c.name == name]
    return check.evaluate()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Overlapping, "4 inputs of the finite set occur in train and test"),
        (Repeating, "1 inputs of the finite set occur twice in test"),
        (Growing, "another seed gives other training items"),
    ],
)
def test_a_set_that_is_not_shared_out_is_caught(target: Any, reason: str) -> None:
    finding = find(target, "finite-set-is-shared-out")
    assert (finding.state, finding.reason) == ("fails", reason)


@pytest.mark.parametrize("name", ["finite-set-is-shared-out", "seed-moves-training-alone"])
def test_a_set_that_is_shared_out_passes(name: str) -> None:
    assert find(Numbered, name).state == "holds"


def test_other_probes_have_no_finite_set() -> None:
    assert find(Probe, "finite-set-is-shared-out").state == "does not apply"


def test_a_certificate_compares_all_items_of_the_set() -> None:
    right, wrong = check_repeats(Numbered(), 10), check_repeats(Overlapping(), 10)
    assert (right.holds, wrong.holds) == (True, False)
    assert right.evidence.startswith("a finite set (by number: a half, an eighth, the rest); 0 inputs twice")
    assert "4 inputs in train and test" in wrong.evidence


def test_a_probe_without_an_oracle_is_not_certified(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        certify_probe("set", "smoke", knowing(NoOracle), Store(tmp_path))
    assert error.value.problem.startswith("it declares that it has no oracle")
    assert "oracle(inputs)" in error.value.hint
    assert find(NoOracle, "oracle-is-exact").state == "does not apply"


def test_certify_without_an_oracle_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "blind.py"
    file.write_text(
        "from probekit_probes.parity.probe import Parity\n\n\nclass Blind(Parity):\n    oracle = None\n"
    )
    code, _, message = call(capsys, "certify", f"{file}:Blind", "--scale", "smoke", "--store", str(tmp_path))
    assert code == 2
    assert "it declares that it has no oracle" in " ".join(message.split())
