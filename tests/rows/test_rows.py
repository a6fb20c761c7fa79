"""What is guarded: a run that leaves a store as a row comes back with the same words, or not at all."""

from __future__ import annotations

import csv
import io
import lzma
import tarfile
from pathlib import Path

import pytest
from conftest import ROOT
from small import ASKED, call, done, rows
from stores import FLOOR, KNOWN, put

from probekit.cards.assemble import make_card
from probekit.evidence.deciding.learning import is_still_learning
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.rows.cells import CHECKSUM, Row, checksum_of, make_cells, read_cells, thin_curve
from probekit.rows.rows_file import decode_rows, encode_rows, read_all_rows, write_rows
from probekit.rows.transfer import export_rows, merge_rows
from probekit.schedule.schedule import Schedule
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


def export(store: Store, path: Path) -> Path:
    """Write the rows of a store to a file."""
    write_rows(path, export_rows(store, []))
    return path


def merged(path: Path, root: Path) -> Store:
    """Return a new store with the runs of a file of rows."""
    store = Store(root)
    list(merge_rows(store, read_all_rows(path)[0]))
    return store


def change(path: Path, seal: bool = True, **texts: str) -> None:
    """Write other texts into the first row of a file, with a checksum that fits if it is sealed."""
    table = list(csv.DictReader(io.StringIO(path.read_text())))
    table[0] |= texts
    if seal:
        table[0][CHECKSUM] = checksum_of(table[0])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def test_committed_runs_give_the_same_card_from_rows(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "examples" / "results" / "runs" / "recall.tar.xz") as archive:
        archive.extractall(tmp_path / "runs", filter="data")
    original = Store(tmp_path / "runs")
    path = export(original, tmp_path / "rows.csv.xz")
    again = merged(path, tmp_path / "again")
    cards = [make_card(store, KNOWN).model_dump(exclude={"left_out"}) for store in (original, again)]
    names = [
        [run.pop("folder") for run in cell["runs"]] for card in cards for cell in card["columns"][0]["cells"]
    ]
    assert all(names)
    assert cards[0] == cards[1]


def test_a_trained_run_counts_as_done_without_weights(tmp_path: Path, capsys: Capture) -> None:
    done(tmp_path / "first")
    path = export(Store(tmp_path / "first"), tmp_path / "rows.csv")
    probe, structure, scale, trainer = ASKED.values()
    study = tmp_path / "study.toml"
    study.write_text(
        f'probes = ["{probe}"]\nstructures = ["{structure}"]\nscales = ["{scale}"]\n'
        f'trainers = ["{trainer}"]\nseeds = 1\nrows = "{path.name}"\n'
    )
    words = ("run", "--study", str(study), "--store", str(tmp_path / "second"), "--device", "cpu", "--json")
    code, said, _ = call(capsys, *words)
    assert code == 0
    assert '"stored"' in said
    assert not list((tmp_path / "second").glob("*/weights.safetensors"))
    assert 0 < rows(tmp_path / "second") <= rows(tmp_path / "first")


def test_a_row_of_other_data_is_not_reused(tmp_path: Path) -> None:
    outcome = done(tmp_path / "first")
    path = export(Store(tmp_path / "first"), tmp_path / "rows.csv")
    row = read_all_rows(path)[0][0]
    numbers = {name: "0" * 64 if isinstance(n, str) else n for name, n in row.result.behaviour.probe.items()}
    behaviour = row.result.behaviour.model_copy(update={"probe": numbers})
    write_rows(path, [row._replace(result=row.result.model_copy(update={"behaviour": behaviour}))])
    store = merged(path, tmp_path / "second")
    schedule = Schedule(store, device="cpu")
    replay = schedule.make_replay(outcome.job)
    assert schedule.find_stored(outcome.job, replay) is None
    assert all("stored" in reason for reason in replay.rejected.values())
    assert len(replay.rejected) == 1


def test_a_row_with_the_identity_of_another_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    put(store, "unet", {0: 0.5, 1: 0.6})
    path = export(store, tmp_path / "rows.csv")
    change(path, identity="0" * 64)
    kept, left_out = read_all_rows(path)
    assert [row.result.plan.seed for row in kept] == [1]
    assert left_out == ["row 1 of rows.csv: its identity is that of another run"]


def test_a_changed_cell_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    put(store, "unet", {0: 0.5, 1: 0.6})
    path = export(store, tmp_path / "rows.csv")
    change(path, seal=False, metrics='{"loss": 0.0}')
    assert "changed" in read_all_rows(path)[1][0]


def test_hostile_cells_come_back_and_start_no_formula(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    put(store, "unet", {0: 0.5})
    row = next(export_rows(store, []))
    for text in ('=HYPERLINK("x")', "@x", "'=1", "''", "a\nb\r\nc", "-1", '","'):
        hostile = Row(row.result.model_copy(update={"error": text}), row.curve)
        assert not make_cells(hostile)["error"].startswith(("=", "@", "\n"))
        (again,) = decode_rows(encode_rows([hostile], compressed=False).decode(), "x", [])
        assert again.result.error == text


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff", b"identity,checksum\n1\n"])
def test_what_is_no_file_of_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(ProbekitError, match=r"no file of rows|no row can be counted"):
        read_all_rows(path)


def test_a_truncated_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.xz"
    path.write_bytes(lzma.compress(b"identity,checksum\n")[:-8])
    with pytest.raises(UsageError, match="truncated"):
        read_all_rows(path)


def test_looks_and_failed_seeds_come_along(tmp_path: Path) -> None:
    from probekit.evidence.deciding.looks import read_looks, record_look

    store = Store(tmp_path / "store")
    folders = put(store, "unet", {0: 0.5, 1: None, 2: FLOOR})
    plan = folders[0].read_result().plan
    record_look(store, plan, 3)
    again = merged(export(store, tmp_path / "rows.csv"), tmp_path / "again")
    looks = read_looks(again.root, plan)
    assert looks is not None
    assert looks.seeds == (3,)
    assert len(list(again.read_results())) == 3


def test_a_thinned_curve_is_judged_as_the_whole() -> None:
    falling = [(float(step), 1 / (1 + step / 50)) for step in range(413)]
    level = [(float(step), 0.5 + 0.1 * (step % 3)) for step in range(413)]
    for curve in (falling, level):
        assert len(thin_curve(curve)) == 40
        assert is_still_learning([thin_curve(curve)]) == is_still_learning([curve])
    assert thin_curve(falling[:39]) == falling[:39]


def test_cells_are_the_same_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    put(store, "unet", {0: 0.1 + 0.2})
    cells = make_cells(next(export_rows(store, [])))
    assert make_cells(read_cells(cells)) == cells
