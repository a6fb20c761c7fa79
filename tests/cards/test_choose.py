"""What is guarded: a card, `run` and `compare` set side by side what one source of a probe asked, alone."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small import done
from stores import KNOWN, card_of, put

from probekit.cards import select_runs
from probekit.cards.aggregate import StoredRun
from probekit.cards.assemble import OTHER_SOURCE, make_card
from probekit.cards.comparison_tables import contrast_tables
from probekit.cards.contrast import contrast_structures
from probekit.cards.markdown import card_to_markdown
from probekit.catalog.registry import Registry, registry
from probekit.cli.report import print_outcomes
from probekit.cli.table import print_tables
from probekit.evidence.certify import Certificate
from probekit.evidence.words import Word
from probekit.plugin.components import Component
from probekit.plugin.errors import StoreError, UsageError
from probekit.schedule.choice import CHOICE, Choice
from probekit.storage.behaviour import Numbers
from probekit.storage.folder import Folder
from probekit.storage.store import Store

OLD = Path(__file__).parent.parent / "storage" / "v0.1.0"
PROBE = (OLD / "agree.py").read_text().replace("class Agree:", "class Agree(Probe):")
PROBE = PROBE.replace("import Constant,", "import Constant, Probe,")


def restored(store: Store, folder: Folder, of: str = "probe", **changes: Any) -> Folder:
    """Store a result anew as if other code had made it: of the probe, the structure or the trainer."""
    result = folder.read_result()
    plan, behaviour = result.plan, result.behaviour
    if of == "trainer":
        components = (*plan.components[:-1], plan.components[-1].model_copy(update={"syntax": "f" * 16}))
        plan = plan.model_copy(update={"components": components})
    else:
        behaviour = behaviour.model_copy(update={of: {"loss of wild answers": 0.5}})
    shutil.rmtree(folder.path)
    made = store.new_run(plan)
    made.write_result(result.model_copy(update={"plan": plan, "behaviour": behaviour, **changes}))
    return made


def test_runs_of_another_source_of_the_probe_are_left_out_with_the_command_that_runs_them(
    store: Store,
) -> None:
    put(store, "unet", {0: 0.1})
    (other,) = put(store, "unet+average", {0: 0.2})
    older = restored(store, other, floors={"loss": 0.5})
    card = card_of(store)
    assert [cell.structure for column in card.columns for cell in column.cells] == ["unet"]
    assert card.columns[0].floor == 1.0
    (line,) = card.left_out
    assert line.startswith(f"{older.path.name}: it used other code of the probe noisy; ")
    assert "`probekit run noisy -s unet+average --scale smoke --seeds 1` runs it again" in line


def test_of_sources_none_of_which_is_installed_the_newest_is_counted_and_said_to_be_another(
    store: Store,
) -> None:
    for folder in put(store, "unet", {0: 0.1, 1: 0.2}):
        restored(store, folder)
    (column,) = card_of(store).columns
    assert column.cells[0].headline.mean == pytest.approx(0.15)
    assert OTHER_SOURCE in column.cautions
    assert OTHER_SOURCE in card_to_markdown(card_of(store))


@pytest.mark.parametrize(
    ("of", "differing"),
    [("structure", "loss of wild answers|structure: "), ("trainer", "the code of trainer supervised")],
)
def test_seeds_of_two_codes_never_share_a_row(store: Store, of: str, differing: str) -> None:
    first, *later = put(store, "unet+average", {0: 0.9, 1: 0.1, 2: 0.1})
    older = restored(store, first, of, stored=1.0)
    for folder in later:
        folder.write_result(folder.read_result().model_copy(update={"stored": 2.0}))
    card = card_of(store)
    assert [run.seed for run in card.columns[0].cells[0].runs] == [1, 2]
    (line,) = card.left_out
    assert line.startswith(f"{older.path.name}: it used other code of the structure unet, ")
    assert re.search(differing, line)
    assert "--seeds 1` runs it again" in line


def test_a_certificate_of_another_or_an_unknown_probe_is_left_out(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    questions: dict[str, Numbers] = {"other": {"data of test": "f" * 16}, "old": {}}
    for name, question in questions.items():
        one = Certificate(probe="noisy", version=1, question=question, scale="smoke", items=1, checks=())
        fields = one.model_dump(mode="json", exclude_none=True)
        store.aux_folder(f"certificate-{name}").write_json("certificate.json", fields)
    card = card_of(store)
    assert card.columns[0].certificate is None
    again = "probe of that name; `probekit certify noisy --scale smoke` makes a new one"
    assert set(card.left_out) == {
        f"certificate-other: it is for another {again}",
        f"certificate-old: it is for an unknown {again}",
    }


def test_runs_that_disagree_about_a_floor_are_said_to_and_have_no_place(store: Store) -> None:
    put(store, "unet", {0: 0.1, 1: 0.1})
    first, _ = put(store, "unet+average", {0: 0.2, 1: 0.2})
    result = first.read_result()
    first.write_result(result.model_copy(update={"floors": {"loss": 0.43}}))
    (column,) = card_of(store).columns
    assert column.floor is None
    assert {cell.headline.place for cell in column.cells} == {None}
    assert any("disagree about the floor of the loss: 0.4300 to 1.0000" in line for line in column.cautions)


def test_a_floor_is_the_mean_over_seeds_however_many_structures_were_run(store: Store) -> None:
    for structure, seeds in (("unet", (0, 1)), ("unet+average", (0,)), ("unet+lambda", (0,))):
        for folder in put(store, structure, dict.fromkeys(seeds, 0.1)):
            result = folder.read_result()
            floors = {"loss": 0.4 + 0.2 * result.plan.seed}
            folder.write_result(result.model_copy(update={"floors": floors}))
    (column,) = card_of(store).columns
    assert column.floor == pytest.approx(0.5)
    assert any("by seed it is 0.4000 to 0.6000" in line for line in column.cautions)


def test_compare_says_what_was_left_out_where_nothing_else_is_stored(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    (other,) = put(store, "unet+average", {0: 0.2})
    restored(store, other)
    with pytest.raises(StoreError, match=r"no scored run of unet\+average .*other code of the probe"):
        contrast_structures(store, KNOWN, "unet", "unet+average", "noisy", "smoke")


def test_results_of_version_0_1_0_are_drawn_on_a_card(tmp_path: Path) -> None:
    shutil.copytree(OLD / "runs", tmp_path / "runs")
    asked = "nonlocality(test=16,train=64,validation=8)"
    card = make_card(Store(tmp_path / "runs"), registry(), probes=[asked])
    assert {cell.resolved.partition("(")[0] for column in card.columns for cell in column.cells} == {"unet"}
    assert sum(len(cell.done) for column in card.columns for cell in column.cells) == 2


def asked_anew(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Install a probe as a module of its own, over the one that was there."""
    (folder / "agreeing.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "agreeing", raising=False)
    return registry().with_components(Component("probe", "agreeing", "agreeing:Agree", "for a test"))


def test_run_card_and_compare_state_one_floor_after_the_probe_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"probe": "agreeing(size=8,train=17,test=15,validation=8)", "trainer": "supervised"}
    known = asked_anew(tmp_path, PROBE, monkeypatch)
    before = done(tmp_path / "store", known, structure="unet", **asked).result
    assert before.status == "done"
    changed = PROBE + (
        "\n\nclass Turned(Constant):\n    def __call__(self, inputs):\n"
        "        return -super().__call__(inputs)\n\n\n"
        'Agree.controls = lambda self: {"constant": Turned()}\n'
    )
    known = asked_anew(tmp_path, changed, monkeypatch)
    runs = [
        done(tmp_path / "store", known, structure=structure, **asked)
        for structure in ("unet+average", "unet+lambda")
    ]
    floor = runs[0].result.floors["accuracy"]
    card = make_card(Store(tmp_path / "store"), known)
    (column,) = card.columns
    assert [cell.structure for cell in column.cells] == ["unet+average", "unet+lambda"]
    assert (len(card.left_out), column.floor) == (1, floor)
    assert floor != before.floors["accuracy"]
    print_outcomes(runs, Store(tmp_path / "store"), registry=known)
    assert f"{floor:.4f}" in capsys.readouterr().out
    found = contrast_structures(
        Store(tmp_path / "store"), known, "unet+average", "unet+lambda", asked["probe"], "smoke"
    )
    print_tables(contrast_tables(found))
    assert f"Floor of the accuracy: {floor:.4f}." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "meant"), [("lamda", "lambda"), ("unet+averag", "average"), ("unt", "unet")]
)
def test_a_mistyped_structure_is_refused_beside_one_that_is_stored(
    tmp_path: Path, typed: str, meant: str
) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5})
    with pytest.raises(UsageError, match=f"Did you mean {meant}"):
        card_of(store, "unet", typed)


def test_a_structure_without_a_run_is_said_to_be_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5})
    card = card_of(store, "unet", "unet+lambda")
    assert list(card.structures) == ["unet"]
    assert card.omissions == ("unet+lambda: no run of it is stored",)


def test_a_card_reads_easy_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, scanned, read = Store(tmp_path), [], select_runs.read_easy_runs
    for number, structure in enumerate(("unet", "unet+average", "unet+gru")):
        (spec,) = {folder.read_result().plan.spec for folder in put(store, structure, {0: 2.0})}
        texts = {name: getattr(spec, name) for name in ("probe", "structure", "scale", "trainer")}
        choice = Choice(**texts, metric="loss", tried={0.1: 2.0, 0.2: 3.0, 0.3: 4.0}, rate=0.1)
        folder = Folder(tmp_path / f"tune-{number}")
        folder.path.mkdir()
        folder.write_json(CHOICE, choice.model_dump(mode="json"))

    def count(root: Path) -> Iterator[StoredRun]:
        scanned.append(root)
        return read(root)

    monkeypatch.setattr(select_runs, "read_easy_runs", count)
    (column,) = card_of(store).columns
    assert [cell.verdict.word for cell in column.cells] == [Word.DID_NOT_FIT] * 3
    assert scanned == [store.root]
