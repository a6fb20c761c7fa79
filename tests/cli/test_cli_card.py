"""What is guarded: card and compare read stores as typed, run what is missing, end with the right code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import PROBE, call
from stores import real

from probekit.cards.card import Card
from probekit.cards.contrast import Contrast

STRUCTURES = ("unet", "unet+average")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("store")
    real(folder, STRUCTURES, seeds=2, probe=PROBE)
    return str(folder)


def test_the_card_is_printed_as_tables_or_as_json(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "card", "--store", store)
    assert code == 0
    _, printed, _ = call(capsys, "card", "--store", store, "--json")
    card = Card.model_validate_json(printed)
    assert list(card.structures) == list(STRUCTURES)
    for cell in card.columns[0].cells:
        assert f"{cell.headline.mean:.4f}" in out
        assert len(cell.done) == 2


def test_one_structure_is_shown_by_its_properties(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "card", "unet", "--probe", PROBE, "--scale", "smoke", "--store", store)
    assert code == 0
    assert out.startswith("Report card of unet\n")
    assert "unet+average" not in out


def test_page_and_markdown_are_written_with_the_same_numbers(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html, md = tmp_path / "card.html", tmp_path / "card.md"
    code, out, err = call(capsys, "card", "--store", store, "--html", str(html), "--md", str(md), "--json")
    assert code == 0
    assert f"wrote {html}" in err
    for cell in Card.model_validate_json(out).columns[0].cells:
        score = f"{cell.headline.mean:.4f}"
        assert f"{score}</td>" in html.read_text()
        assert f"| {score} |" in md.read_text()
        assert all(run.identity[:12] in html.read_text() for run in cell.runs)
    for text in (html.read_text(), md.read_text()):
        assert "probekit card --html card.html --md card.md" in text


def test_run_performs_what_is_missing_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["card", *STRUCTURES, "--probe", PROBE, "--scale", "smoke", "--store", str(tmp_path), "--json"]
    code, _, err = call(capsys, *words)
    assert code == 2
    assert "it holds no such run" in err
    code, out, _ = call(capsys, *words, "--run", "--seeds", "1")
    assert code == 0
    first = Card.model_validate_json(out)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/result.json")}
    assert len(made) == 2
    code, out, _ = call(capsys, *words, "--run", "--seeds", "2")
    cells = Card.model_validate_json(out).columns[0].cells
    assert [len(cell.done) for cell in cells] == [2, 2]
    assert [cell.runs[0] for cell in cells] == [cell.runs[0] for cell in first.columns[0].cells]
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_run_takes_what_run_takes_and_ends_with_1_where_something_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "card",
        "unet",
        "--probe",
        PROBE,
        "--scale",
        "smoke",
        "--store",
        str(tmp_path),
        "--json",
        "--run",
    ]
    words += ["--seeds", "1", "--trainer", "supervised(batch=16,epochs=1)", "--width", "8", "--device", "cpu"]
    code, out, err = call(capsys, *words)
    assert code == 0, err
    (cell,) = Card.model_validate_json(out).columns[0].cells
    assert (cell.structure, cell.width) == ("unet (supervised(batch=16,epochs=1), width 8)", 8)
    code, out, err = call(capsys, *words, "--seeds", "2", "--timeout", "0")
    assert code == 1
    assert "1 of 2 runs failed; the card counts them." in err
    (cell,) = Card.model_validate_json(out).columns[0].cells
    assert (len(cell.done), len(cell.failed)) == (1, 1)


def test_run_without_names_runs_what_the_store_holds_or_says_what_to_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "card", "--run", "--store", str(tmp_path))
    assert code == 2
    assert "Type structures and probes" in err
    real(tmp_path, ("unet",))
    code, out, _ = call(
        capsys, "card", "--run", "--scale", "smoke", "--seeds", "2", "--store", str(tmp_path), "--json"
    )
    assert code == 0
    assert [run.seed for run in Card.model_validate_json(out).columns[0].cells[0].runs] == [0, 1]


def test_a_place_that_cannot_be_written_is_said(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "card", "--store", store, "--md", str(tmp_path / "none" / "card.md"))
    assert code == 1
    assert "No such file or directory" in err


def test_compare_subtracts_means_and_names_the_items(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", *STRUCTURES, "--probe", PROBE, "--scale", "smoke", "--store", store]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert "solved by unet alone" in out
    code, printed, _ = call(capsys, *words, "--json")
    found = Contrast.model_validate_json(printed)
    assert found.seeds.p is None  # two seeds, and no noise was measured
    assert found.seeds.mean == pytest.approx(found.means[0] - found.means[1])
    assert found.items.mean == pytest.approx(found.seeds.mean, abs=1e-6)
    assert found.items.interval is not None
    assert found.items.interval.count == found.count == 16
    assert len(found.only_one) + len(found.only_other) + found.both + found.neither == found.count
    _, turned, _ = call(capsys, "compare", *STRUCTURES[::-1], *words[3:], "--json")
    other = Contrast.model_validate_json(turned)
    assert other.seeds.mean == pytest.approx(-found.seeds.mean)
    assert other.only_one == tuple(
        case.model_copy(update={"one": case.other, "other": case.one}) for case in found.only_other
    )


def test_compare_solves_by_the_threshold_of_the_probe(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # at this place both are so bad that an item is solved by luck alone: some by one, some by the other
    monkeypatch.setattr(
        "probekit_probes.nonlocality.probe.Nonlocality.thresholds", (-3.0, -9.0), raising=False
    )
    words = ["compare", *STRUCTURES, "--probe", PROBE, "--scale", "smoke", "--store", store, "--json"]
    _, printed, _ = call(capsys, *words)
    found = Contrast.model_validate_json(printed)
    assert found.only_one or found.only_other
    assert all(case.one <= found.solved < case.other for case in found.only_one)
    assert all(case.other <= found.solved < case.one for case in found.only_other)
    gaps = [abs(case.one - case.other) for case in found.only_one]
    assert gaps == sorted(gaps, reverse=True)


def test_compare_is_written_as_a_page_and_as_markdown(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", *STRUCTURES, "--probe", PROBE, "--scale", "smoke", "--store", store]
    code, printed, _ = call(capsys, *words, "--html", str(tmp_path / "c.html"), "--md", "-")
    assert code == 0
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    for text in (page, printed):
        assert "Welch" in text
        assert "Test items solved by both" in text
    assert page.startswith("<!DOCTYPE html>")
    assert "No order is claimed" in page.partition("<main")[0]


def test_compare_says_what_is_not_stored(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--probe", PROBE, "--scale", "smoke", "--store", store]
    code, _, err = call(capsys, "compare", "unet", "unet+lambda", *words)
    assert code == 2
    assert "no scored run of unet+lambda" in err
    assert "-s unet -s unet+lambda --seeds 3 --scale smoke" in err


def test_compare_refuses_items_that_were_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = real(tmp_path, STRUCTURES).root
    scores = next(folder.glob("nonlocality-*-unet-smoke-s0-*/scores.safetensors"))
    scores.write_bytes(scores.read_bytes()[:-1])
    code, _, err = call(
        capsys, "compare", *STRUCTURES, "--probe", PROBE, "--scale", "smoke", "--store", str(folder)
    )
    assert code == 1
    assert "scores.safetensors is truncated" in err
    assert json.loads(next(folder.glob("*/result.json")).read_text())["status"] == "done"
