"""What is guarded: what no machine can hold is refused before anything runs, and how much it is is said."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from small import call

from probekit.catalog.registry import registry
from probekit.plans import limits
from probekit.plans.scale import resolve_at_scale
from probekit.plugin.errors import UsageError

Capture = pytest.CaptureFixture[str]
TOO_LARGE = [
    (["run", "nonlocality(train=1000000000)", "-s", "unet", "--dry-run"], "GB for data|TB for data"),
    (["run", "grouping(train=10000000000)", "-s", "mixer", "--dry-run"], "TB for data"),
    (["run", "translation(size=50001)", "-s", "lambda", "--dry-run"], "GB for 8 items"),
    (["run", "nonlocality", "-s", "plain(depth=1000000)", "--dry-run"], "less than or equal to 1000"),
    (["run", "nonlocality", "-s", "unet+lambda(keys=1000000000)", "--dry-run"], "for weights"),
    (
        ["run", "nonlocality", "-s", "unet", "--trainer", "supervised(batch=1000000000)", "--dry-run"],
        "for activations",
    ),
    (["certify", "nonlocality", "--scale", "smoke", "--items", "1000000000000"], "TB for data|PB for data"),
    (["data", "nonlocality(height=1000000000, width=1000000000)"], "PB for 8 items"),
    (["data", "grouping(size=1000000000000)"], "for 8 items"),
    (["run", "nonlocality", "-s", "unet", "--seeds", "100000", "--dry-run"], "takes 10,000 at the most"),
]


@pytest.mark.parametrize(("words", "said"), TOO_LARGE, ids=lambda value: str(value)[:60])
def test_what_is_too_large_is_wrong_usage_soon(
    words: list[str], said: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    begun = time.process_time()
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert re.search(said, err), err
    assert time.process_time() - begun < 60  # minutes were what it took
    assert list(tmp_path.rglob("*")) == []


def test_the_number_and_the_limit_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "available_memory", lambda: 3_000_000_000)
    limits.check_memory("it", {"data": 3_000_000_000})
    with pytest.raises(
        UsageError, match=r"takes at least 2\.5 GB for data and 1 GB for weights, and this machine"
    ):
        limits.check_memory("it", {"data": 2_500_000_000, "weights": 10**9, "activations": 0})
    with pytest.raises(UsageError, match="the limit here is 5 bytes"):
        limits.check_memory("it", {"data": 6}, limit=5)


def test_the_memory_is_the_machine_s_or_its_container_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMIT", tmp_path / "memory.max")
    whole = limits.available_memory()
    assert whole > 1 << 28
    (tmp_path / "memory.max").write_text("max\n")
    assert limits.available_memory() == whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert limits.available_memory() == 1_000_000


def test_harder_items_are_as_many_as_those_of_the_test_and_are_counted() -> None:
    spans = {}
    for name in ("recall", "rotation", "grouping"):
        _, part = resolve_at_scale(
            name, "smoke", registry(), **({"test": 1_000} if name != "rotation" else {})
        )
        probe = part.make()
        drawn = [split for split in ("train", "validation", "test") if split in part.params]
        items = sum(int(part.params[split]) for split in drawn)
        positions = (probe.shape.inputs + probe.shape.outputs) * math.prod(probe.shape.size)
        spans[name] = limits.estimate_data(part, probe)["data"] / positions - items
    assert spans == {"recall": 1_000, "rotation": 0, "grouping": 0}
