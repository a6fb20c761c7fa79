"""What is guarded: each check of the conformance kit fails where its promise is broken, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
import test_wrong_additions
import torch
from broken_parts.layers import (
    Boastful,
    Dividing,
    Exact,
    Forgetful,
    Good,
    Hashed,
    HashNamed,
    HashWide,
    Hostile,
    Idle,
    Linear,
    Mixed,
    Ordered,
    Placed,
    Planar,
    Ranked,
    Related,
    Seedless,
    Sly,
    Unordered,
    Unranked,
    Viewed,
)
from broken_parts.probes import (
    Bare,
    Beyond,
    Captured,
    Changed,
    Halved,
    HashDrawn,
    Leaking,
    Probe,
    Repeating,
    Solved,
    Still,
    Sure,
    Telling,
    Torn,
    Twofold,
    Undrawn,
    Unreachable,
    Unreached,
    Wrong,
)
from broken_parts.structures import Encoding, FirstOnly, Gated, Hookless, Lonely, Rigid, Silent, Structure
from broken_parts.trainers import Endless, Lazy, Moody, Restarting, Timid, Trainer
from conftest import install, plugin_text
from small import call
from test_wrong_plugins import WRONG_PLUGINS
from test_wrong_variants import WRONG

from probekit.authors.check import CHECKS_BY_KIND, CheckFailed, Finding, checks
from probekit.catalog.registry import Registry, registry
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import UsageError

BROKEN: dict[tuple[Kind, str], Any] = {
    ("layer", "keeps-shape-and-dtype-in-1d"): Planar,
    ("layer", "keeps-shape-and-dtype-in-2d"): Linear,
    ("layer", "gradient-reaches-every-parameter"): Idle,
    ("layer", "batch-items-are-independent"): Mixed,
    ("layer", "same-seed-gives-same-weights"): Seedless,
    ("layer", "same-weights-in-another-process"): Unordered,
    ("layer", "survives-safetensors"): Forgetful,
    ("layer", "takes-channels-last"): Viewed,
    ("layer", "builds-on-the-meta-device"): Placed,
    ("layer", "runs-under-autocast"): Exact,
    ("layer", "compiles"): Sly,
    ("layer", "supports-declared-encodings"): Boastful,
    ("encoding", "hooks-are-methods-of-its-class"): Hookless,
    ("encoding", "changes-the-output"): Silent,
    ("structure", "hosts-a-layer"): Lonely,
    ("structure", "wider-means-more-parameters"): Rigid,
    ("combinator", "builds-all-its-layers"): FirstOnly,
    ("layer", "ranges-hold"): Ranked,
    ("trainer", "it-ends"): Endless,
    ("trainer", "weights-change-and-the-loss-falls"): Lazy,
    ("trainer", "same-seed-gives-same-rows"): Moody,
    ("trainer", "resume-equals-no-interruption"): Restarting,
    ("probe", "declares-required-attributes"): Twofold,
    ("probe", "same-seed-gives-same-data"): Captured,
    ("probe", "same-data-in-another-process"): HashDrawn,
    ("probe", "seed-moves-training-alone"): Still,
    ("probe", "splits-are-disjoint"): Leaking,
    ("probe", "training-items-are-distinct"): Repeating,
    ("probe", "oracle-is-exact"): Wrong,
    ("probe", "targets-score-perfect"): Unreached,
    ("probe", "scores-stay-within-bounds"): Beyond,
    ("probe", "constant-output-scores-near-chance"): Sure,
    ("probe", "inputs-determine-targets"): Torn,
    ("probe", "controls-fail"): Telling,
    ("probe", "resists-shortcuts"): Solved,
    ("probe", "items-can-be-drawn"): Undrawn,
    ("probe", "network-outputs-can-be-scored"): Bare,
    ("probe", "difficulty-axis-is-valid"): Unreachable,
    ("layer", "trains-in-a-network"): Hostile,
    ("probe", "data-match-golden-hash"): Changed,
}
SAINTS: dict[Kind, Any] = {
    "layer": Good,
    "combinator": Gated,
    "encoding": Encoding,
    "structure": Structure,
    "trainer": Trainer,
    "probe": Probe,
}
ELSEWHERE = {"plugin-imports-no-torch", "finite-set-is-shared-out"}


def looked_at(kind: Kind, target: Any, check: str | None = None, **given: Any) -> dict[str, Finding]:
    """Return what the checks, or one of them, find of a component given from Python."""
    known = registry().with_components(Component(kind, "mine", target, ""))
    return {
        one.name: one.evaluate()
        for one in checks(kind, "mine", registry=known, **given)
        if check in (None, one.name) and (check or one.name != "compiles")
    }


@pytest.mark.parametrize("kind", SAINTS)
def test_a_component_that_keeps_its_promises_passes(kind: Kind) -> None:
    found = looked_at(kind, SAINTS[kind])
    assert {one.check: one.reason for one in found.values() if one.state == "fails"} == {}
    assert "holds" in {one.state for one in found.values()}


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        pytest.param(kind, check, id=f"{kind}-{check}", marks=[pytest.mark.slow] * check.endswith("process"))
        for kind, check in BROKEN
    ],
)
def test_each_check_fails_where_its_promise_is_broken(kind: Kind, check: str) -> None:
    found = looked_at(kind, BROKEN[kind, check], check)[check]
    assert found.state == "fails"
    assert found.reason
    assert found.hint


def test_every_check_is_shown_to_fail() -> None:
    shown = {check for _, check in BROKEN} | {check for _, _, check, _ in WRONG} | ELSEWHERE
    shown |= {check for _, _, check in WRONG_PLUGINS if check}
    shown |= {check for _, _, check, _ in test_wrong_additions.WRONG}
    shown |= {check for *_, check, _ in test_wrong_additions.NAMED}
    listed = {
        promise.__name__.replace("_", "-") for _, promises in CHECKS_BY_KIND.values() for promise in promises
    }
    assert listed == shown


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        ("layer", Ranked, "rank is declared as 1 to 9, but with rank=9 it could not be built (ValueError"),
        ("layer", Dividing, "rank is declared as 1 to 9, but with rank=9 it raised"),
        ("layer", Unranked, "the default rank=0 is not 1 or more"),
        ("trainer", Timid, "momentum is declared as 0 to 1, but with momentum=1.0 it could not be built"),
        ("probe", Halved, "size is declared as 0 or more, but with size=0 it could not be built"),
    ],
)
def test_a_range_that_does_not_hold_is_told_with_the_number(kind: Kind, target: Any, said: str) -> None:
    found = looked_at(kind, target, "ranges-hold")["ranges-hold"]
    assert (found.state, found.reason[: len(said)]) == ("fails", said)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Unordered, "another process has its parameters in a different order: branches.branch"),
        (Hashed, "in another process, the same seed gives bias different values"),
        (HashWide, "in another process, wide has shape ("),
        (HashNamed, "another process has different parameters: bias"),
    ],
)
def test_what_another_process_builds_otherwise_is_told(target: Any, said: str) -> None:
    found = looked_at("layer", target, "same-weights-in-another-process")["same-weights-in-another-process"]
    assert (found.state, found.reason[: len(said)]) == ("fails", said)


def test_what_another_process_does_not_find_is_not_looked_for_there() -> None:
    class Inside(Good):
        pass

    found = looked_at("layer", Inside, "same-weights-in-another-process")["same-weights-in-another-process"]
    assert found.state == "does not apply"
    assert (
        looked_at("layer", Ordered, "same-weights-in-another-process")[
            "same-weights-in-another-process"
        ].state
        == "holds"
    )


def test_an_end_that_another_parameter_forbids_may_be_refused_in_a_sentence() -> None:
    assert looked_at("layer", Related, "ranges-hold")["ranges-hold"].state == "holds"
    found = looked_at("layer", Good, "ranges-hold")["ranges-hold"]
    assert (found.state, "no number declares a range" in found.reason) == ("does not apply", True)


def test_a_plugin_that_imports_torch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import torch\n" + plugin_text("'layer', 'heavy', 'heavy_target:Heavy', ''")
    files = {"heavy_plugin.py": text, "heavy_target.py": "from torch.nn import Identity as Heavy"}
    install(tmp_path, "heavy", {"heavy": "heavy_plugin"}, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {one.name: one.evaluate() for one in checks("layer", "heavy", registry=Registry.load())}
    told = found["plugin-imports-no-torch"]
    assert (told.state, told.reason) == (
        "fails",
        "import heavy_plugin loads torch numpy".replace(" n", ", n"),
    )


def test_a_failure_that_is_declared_is_skipped_with_its_reason_and_an_idle_declaration_fails() -> None:
    check = "gradient-reaches-every-parameter"
    found = looked_at("layer", Idle, check, expected={check: "it is kept for later"})[check]
    assert (found.state, found.reason) == ("expected", "it is kept for later")
    found = looked_at("layer", Good, check, expected={check: "it is kept for later"})[check]
    assert (found.state, "it holds, but is declared to fail" in found.reason) == ("fails", True)
    with pytest.raises(UsageError, match=r"there is no such check\. Did you mean gradient"):
        looked_at("layer", Good, expected={"gradient-reaches-all-parameters": ""})


def test_called_a_check_raises_as_pytest_wants() -> None:
    known = registry().with_components(Component("layer", "mine", Idle, ""))
    found = {str(one): one for one in checks("layer", "mine", registry=known)}
    assert found["keeps-shape-and-dtype-in-2d"]() is None
    with pytest.raises(
        CheckFailed, match="layer mine, gradient-reaches-every-parameter: no gradient reaches"
    ):
        found["gradient-reaches-every-parameter"]()
    with pytest.raises(SkipTest, match="does not apply: it takes no encoding"):
        found["supports-declared-encodings"]()


def test_checks_leave_torchs_generator_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    looked_at("layer", Good)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_command_says_each_check_and_ends_with_1_where_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trainer = "class Lazy(trainer.Trainer):\n    def rate(self):\n        return 0.0\n"
    (tmp_path / "lazy.py").write_text(f"import broken_parts.trainers as trainer\n{trainer}")
    code, out, _ = call(capsys, "check", "trainer", "./lazy.py:Lazy")
    assert code == 1
    (line,) = [line for line in out.splitlines() if "FAILS" in line]
    assert line.startswith("weights-change-and-the-loss-falls")
    assert line.endswith("Step an optimizer over model.parameters().")
    code, out, _ = call(capsys, "check", "encoding", "pe", "--json")
    assert code == 0
    code, _, err = call(capsys, "check", "planet", "mars")
    assert (code, "there are no checks for this kind" in err) == (2, True)
