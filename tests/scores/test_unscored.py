"""What is guarded: what is not finite is null with its reason and count, and is in no file, table or page."""

from __future__ import annotations

import json
import re
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch
from asking import ASKED, Wild, knowing
from small import done

from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.markdown import card_to_markdown
from probekit.cli.commands.run import print_report
from probekit.cli.rows import run_row
from probekit.pages.page import render_page
from probekit.plans.plan import Plan
from probekit.runs.run import Outcome
from probekit.scores.score import mean_scores, missing_score_reasons, score_intervals
from probekit.storage.checksum import compute_checksum
from probekit.storage.folder import RESULT, SPEC, Folder
from probekit.storage.result import Result, normalize_score
from probekit.storage.store import Store

KNOWN = knowing(Wild)
NAMES = re.compile(r"(?i)(?<![a-z])(?:inf|nan|infinity)(?![a-z])")


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return done(tmp_path_factory.mktemp("wild"), KNOWN, **{**ASKED, "probe": "wild"})


def strict(text: str) -> Any:
    """Read JSON as everyone but Python does: NaN and Infinity are none."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_mean_that_is_not_finite_is_null_with_its_reason_and_count(wild: Outcome) -> None:
    result = wild.result
    assert result.status == "done"
    assert [name for name, mean in result.metrics.items() if mean is not None] == ["partly"]
    assert {name: why for name, why in result.unscored.items() if "/" not in name} == {
        "infinite": "it is not finite for 3 of 16 items",
        "huge": "it is not finite for 16 of 16 items",
        "nowhere": "it applies to none of 16 items",
    }
    assert {"train/infinite", "validation/huge"} <= result.unscored.keys()
    assert "infinite" not in result.intervals
    assert result.counts["partly"] == 8
    assert (result.ceiling, result.floors["infinite"], result.plan.noise) == (None, None, {})
    assert result.normalized_score("infinite", inf) is None


def test_what_is_stored_is_json_that_reads_back_and_whose_digest_holds(wild: Outcome) -> None:
    fields = strict((wild.folder.path / RESULT).read_text())
    assert fields["metrics"]["infinite"] is None
    assert wild.folder.read_result() == wild.result
    plan = (wild.folder.path / SPEC).read_text()
    strict(plan)
    assert Plan.model_validate_json(plan) == wild.job.plan


def test_run_says_why_there_is_no_score(wild: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(wild.folder.path.parent)
    rows = [run_row(wild.job, "done", wild.folder, wild.result)]
    print_report(rows, True, store, [wild], registry=KNOWN)
    assert strict(capsys.readouterr().out)[0]["unscored"]["infinite"] == "it is not finite for 3 of 16 items"
    print_report(rows, False, store, [wild], registry=KNOWN)
    printed = capsys.readouterr().out
    assert "unet, seed 0, has no infinite: it is not finite for 3 of 16 items." in " ".join(printed.split())
    assert not NAMES.search(printed)


def test_the_card_and_its_page_say_why_and_draw_no_place(wild: Outcome) -> None:
    store = Store(wild.folder.path.parent)
    card = make_card(store, KNOWN)
    cell = card.columns[0].cells[0]
    assert (cell.verdict.word, cell.headline.mean, cell.headline.place) == ("not measured", None, None)
    strict(card.model_dump_json())
    assert Card.model_validate_json(card.model_dump_json()) == card
    drawn = re.sub(
        r"base64,[^\"]*|<style>.*?</style>|<script>.*?</script>",
        "",
        render_page(card, store, KNOWN),
        flags=re.S,
    )
    for text in (card_to_markdown(card), drawn):
        assert "has no infinite: it is not finite for 3 of 16 items" in text
        assert "has no huge: it is not finite for 16 of 16 items" in text
        assert not NAMES.search(text)
    assert 'class="fill"' not in drawn


@pytest.mark.parametrize("value", [inf, -inf, nan, 1e308])
def test_a_result_of_an_older_version_that_is_not_finite_is_read_without_it(
    wild: Outcome, tmp_path: Path, value: float
) -> None:
    fields = wild.result.model_dump(mode="json")
    odd = {
        "metrics": {"partly": value},
        "validation": {"partly": value},
        "controls": {"c": {"partly": value}},
    }
    odd |= {
        "measured": {"radius": value, "error": 1.0},
        "ceiling": value,
        "intervals": {"partly": [0.0, value]},
    }
    fields |= {**odd, "plan": {**fields["plan"], "noise": {"partly": value}}}
    (tmp_path / RESULT).write_text(json.dumps({**fields, "digest": compute_checksum(fields)}))
    read = Folder(tmp_path).read_result()
    assert (read.metrics, read.validation) == ({"partly": None}, {"partly": None})
    assert (read.controls, read.measured) == ({"c": {"partly": None}}, {"error": 1.0})
    assert (read.ceiling, read.intervals, read.plan.noise) == (None, {}, {})
    Folder(tmp_path).write_result(read)
    strict((tmp_path / RESULT).read_text())


def test_seconds_that_are_not_finite_are_refused(wild: Outcome) -> None:
    with pytest.raises(ValueError, match="finite"):
        Result.model_validate({**wild.result.model_dump(), "seconds": inf})


def test_means_and_intervals_leave_out_nan_and_stop_at_what_is_infinite() -> None:
    items = {
        "fine": torch.tensor([1.0, nan, 3.0]),
        "up": torch.tensor([1.0, inf, nan]),
        "down": torch.tensor([-inf, 2.0, 1.0]),
        "none": torch.tensor([nan, nan, nan]),
    }
    assert mean_scores(items) == {"fine": 2.0, "up": None, "down": None, "none": None}
    assert set(missing_score_reasons(items)) == {"up", "down", "none"}
    assert set(score_intervals(items, ())) == {"fine"}


@pytest.mark.parametrize(
    ("value", "floor", "perfect"), [(inf, 0.0, 1.0), (1.0, 0.0, inf), (1.0, 0.0, 1e-320)]
)
def test_no_place_is_infinite(value: float, floor: float, perfect: float) -> None:
    assert normalize_score(value, floor, perfect) is None
