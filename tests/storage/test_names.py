"""What is guarded: one training is one run, whatever it was called; the name asked for is kept beside it."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from small import ASKED, PROBE, call, done, planned

from probekit.catalog.grammar import normalize_expression
from probekit.plans.plan import Plan
from probekit.storage.folder import RESULT, SPEC
from probekit.storage.root import parse_rerun_number
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
WORDS = ("--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu", "--json")
ON = "nonlocality(size=16,test=16,train=64,validation=8)"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that holds one run, asked for as unet+average."""
    folder = tmp_path_factory.mktemp("kept")
    assert done(folder, structure="unet+average").result.status == "done"
    return folder


@pytest.mark.parametrize(
    "asked",
    [
        {"structure": "average"},
        {"structure": "layers/average"},
        {"structure": "unet(downs=none)+average"},
        {"structure": "average", "probe": ON},
        {"structure": "unet+average", "width": 4},
        {"structure": "average", "trainer": "supervised(clip=1.0,batch=16,epochs=1)"},
    ],
    ids=lambda asked: " ".join(map(str, asked.values())),
)
def test_a_run_asked_for_by_another_name_shows_what_is_stored(asked: dict[str, object], kept: Path) -> None:
    found = done(kept, **asked)
    assert found.stored
    spec = found.result.plan.spec
    written = {
        name: normalize_expression(text) if isinstance(text, str) else text for name, text in asked.items()
    }
    assert {name: getattr(spec, name) for name in asked} == written
    assert [path for path in kept.iterdir() if path.is_dir()] == [found.folder.path]
    assert found.folder.read_result().plan.spec.structure == "unet+average"  # the folder keeps its own


def test_a_file_by_another_path_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/net.py").write_text(
        "from torch import nn\ndef net(shape):\n    return nn.Conv2d(3, 1, 1)\n"
    )
    monkeypatch.chdir(tmp_path)
    paths = ("./sub/net.py", "././sub/net.py", "./sub/../sub/net.py", f"{tmp_path}/sub/net.py")
    plans = [planned(structure=f"{path}:net") for path in paths]
    assert len({plan.identity for plan in plans}) == 1
    assert len({plan.spec.structure for plan in plans}) == len(paths)


def test_a_grid_trains_once_and_reports_each_name(tmp_path: Path, capsys: Capture) -> None:
    structures = ("-s", "average", "-s", "unet+average", "-s", "average")
    words = ("run", PROBE, *structures, *WORDS, "--store", str(tmp_path))
    for _ in range(2):
        code, out, _ = call(capsys, *words)
        rows = json.loads(out)
        assert (code, [row["structure"] for row in rows]) == (0, ["average", "unet+average"])
        assert rows[0]["metrics"] == rows[1]["metrics"]
        assert rows[0]["folder"] == rows[1]["folder"]
    _, out, _ = call(capsys, *words, "--force")
    assert {row["folder"] for row in json.loads(out)} == {rows[0]["folder"] + "-2"}
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_a_failed_run_is_not_tried_again_by_its_second_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "import torch\nclass Net(torch.nn.Conv2d):\n    def __init__(self, shape):\n"
    text += "        super().__init__(3, 1, 1)\n    def forward(self, x):\n"
    text += "        print('tried')\n        raise RuntimeError('it breaks')\n"
    (tmp_path / "net.py").write_text(text)
    code, out, err = call(
        capsys, "run", PROBE, "-s", "./net.py:Net", "-s", "././net.py:Net", *WORDS, "--store", "kept"
    )
    rows = json.loads(out)
    assert (code, [row["status"] for row in rows]) == (1, ["failed", "failed"])
    assert [row["structure"] for row in rows] == ["./net.py:Net", "././net.py:Net"]
    assert err.count("failed: ") == 1


@pytest.mark.parametrize(
    ("typed", "shown"),
    [((), "unet+average"), (("average",), "average"), (("layers/average",), "layers/average")],
)
def test_a_card_calls_a_run_as_it_was_typed_else_as_it_is_stored(
    typed: tuple[str, ...], shown: str, kept: Path, capsys: Capture
) -> None:
    asked = ON if typed else PROBE
    code, out, _ = call(capsys, "card", *typed, "--probe", asked, "--store", str(kept), "--json")
    (column,) = json.loads(out)["columns"]
    assert code == 0
    assert column["probe"] == asked
    (cell,) = column["cells"]
    assert cell["structure"].partition(" ")[0] == shown


def test_two_folders_of_one_run_made_under_two_names_are_one_row(tmp_path: Path, capsys: Capture) -> None:
    first = done(tmp_path, structure="average")
    again = first.result.plan.spec.model_copy(update={"structure": "unet+average"})
    plan = first.result.plan.model_copy(update={"spec": again})
    beside = tmp_path / plan.folder  # as version 0.1.0 made one
    beside.mkdir()
    for name in (SPEC, RESULT):
        (beside / name).write_bytes((first.folder.path / name).read_bytes())
    store = Store(tmp_path)
    assert len(store.reruns(plan)) == 2
    assert len(list(store.read_results())) == 1
    newer = store.new_run(plan)
    assert newer.path.name == f"{plan.folder}-2"
    assert store.find(plan) is None  # of the newest, which is not done


def test_what_a_name_ends_in_tells_which_twin_a_folder_is() -> None:
    identity = "123456789012"
    names = {
        f"unet-{identity}": 0,
        f"{identity}": 0,
        f"lambda-{identity}-2": 1,
        f"lambda-{identity}-13": 12,
        f"{identity}-{identity}": 0,
        f"a-{identity}-b": None,
        f"a-{identity}-1": None,
        f"a-{identity}-02": None,
        f"a{identity}": None,
        f"a-{identity}0": None,
        "certificate": None,
    }
    assert {name: parse_rerun_number(name, identity) for name in names} == names


def make(root: Path, plan: Plan) -> str:
    """Take the folder of a plan, as one of several processes."""
    return Store(root).newest_or_new_run(plan).path.name


def test_processes_that_ask_at_once_by_several_names_get_one_folder(tmp_path: Path) -> None:
    plans = [planned(structure=name) for name in ("average", "unet+average", "layers/average")] * 2
    with multiprocessing.get_context("fork").Pool(len(plans)) as pool:
        found = pool.starmap(make, [(tmp_path, plan) for plan in plans])
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [found[0]]


def test_what_was_asked_is_no_part_of_the_identity() -> None:
    assert planned(structure="lambda").identity == planned(**ASKED).identity
