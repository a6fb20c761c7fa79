"""What is guarded: a file term runs that file's code, is identified by it, and runs only where asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import ASKED, call, done, planned

from probekit.catalog.expression import resolve_expression
from probekit.catalog.files import load_file_component
from probekit.catalog.registry import registry
from probekit.plugin.errors import ProbekitError, UsageError

LAYER = """
from torch import nn

print("the file runs")


class Swirl(nn.Module):
    '''Mixes the mean in.'''

    def __init__(self, channels, size, *, power: int = 1):
        super().__init__()
        self.mix = nn.Linear(channels, channels)
        self.power = power

    def forward(self, x):
        print("forward")
        return x + self.power * self.mix(x.flatten(2).mean(2)).view(*x.shape[:2], *[1] * (x.ndim - 2))


class Net(nn.Conv2d):
    def __init__(self, shape, width):
        super().__init__(shape.inputs, shape.outputs, 3, padding=1)


NOTHING = 3
"""
HOSTED = "unet(downs=1)+./my_layer.py:Swirl"
WORDS = ("--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu", "--json")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder that holds my_layer.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layer.py").write_text(LAYER)
    return tmp_path


def edited(here: Path) -> None:
    (here / "my_layer.py").write_text(LAYER.replace("power: int = 1", "power: int = 2"))


def test_a_file_is_trained_once_until_what_it_does_changes(here: Path) -> None:
    first = done(here / "store", structure=HOSTED)
    assert (first.result.status, first.stored) == ("done", False)
    assert done(here / "store", structure=HOSTED).stored
    (here / "my_layer.py").write_text(LAYER + "\n# edited\n")
    assert done(here / "store", structure=HOSTED).stored  # a comment changes nothing
    edited(here)
    assert not done(here / "store", structure=HOSTED).stored
    (here / "my_layer.py").write_text(LAYER)
    again = done(here / "store", structure=HOSTED)
    assert (again.stored, again.folder.path) == (True, first.folder.path)
    whole = done(here / "store", structure="./my_layer.py:Net").result
    assert (whole.status, whole.plan.width) == ("done", 4)


def test_parameters_are_typed_and_checked_as_of_any_component() -> None:
    found = resolve_expression("unet+./my_layer.py:Swirl(power=3)", "unet", registry())
    assert found.layer is not None
    assert found.layer.params == {"power": 3}
    assert resolve_expression(found.text, "unet", registry()) == found
    with pytest.raises(UsageError, match="power should be a valid integer"):
        resolve_expression("unet+./my_layer.py:Swirl(power=x)", "unet", registry())


def test_a_file_edited_while_runs_wait_leaves_them_as_planned(here: Path) -> None:
    plan = planned(structure=HOSTED)
    edited(here)
    built = resolve_expression(plan.structure, "unet", registry())
    assert built.layer is not None
    assert built.layer.params == {"power": 1}
    now = resolve_expression("unet(downs=1)+./my_layer.py:Swirl", "unet", registry())
    assert now.layer is not None
    assert now.layer.params == {"power": 2}


def test_the_same_file_elsewhere_is_the_same_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = planned(structure=HOSTED).identity
    (here / "elsewhere").mkdir()
    (here / "my_layer.py").rename(here / "elsewhere/my_layer.py")
    monkeypatch.chdir(here / "elsewhere")
    assert planned(structure=HOSTED).identity == identity


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("./my_layer.py:Swurl", "my_layer.py defines no Swurl. Did you mean Swirl"),
        ("./my_layer.py:NOTHING", "NOTHING is neither a class nor a function"),
        (
            "./your_layer.py:Swirl",
            "A relative path starts at your working directory",
        ),
        ("./my_layer.py:Swirl@0123456789abcdef", "it has changed since"),
    ],
)
def test_what_is_not_there_is_a_usage_error(term: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_file_component("layer", term)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import a_package_nobody_has", "Install a_package_nobody_has"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("class Swirl(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_in_one_paragraph(text: str, said: str, here: Path) -> None:
    (here / "my_layer.py").write_text(text)
    with pytest.raises(ProbekitError, match=said) as caught:
        load_file_component("layer", "./my_layer.py:Swirl")
    assert "./my_layer.py" in str(caught.value)


def test_what_the_file_prints_spoils_no_json_and_no_bytecode_is_left(here: Path, capsys: Capture) -> None:
    (here / "my_layer.py").write_text(LAYER + "# not run before in this process\n")
    _, out, err = call(capsys, "run", ASKED["probe"], "-s", HOSTED, "--store", "store", *WORDS)
    assert json.loads(out)[0]["status"] == "done"
    assert {"the file runs", "forward"} <= set(err.splitlines())
    assert {path.name for path in here.iterdir()} == {"my_layer.py", "store"}


def test_code_that_a_store_names_is_run_only_with_allow_code_and_as_it_was(
    here: Path, capsys: Capture
) -> None:
    first = done(here / "store", structure=HOSTED)
    (here / "my_layer.py").write_text(LAYER + "\nopen('ran', 'w').close()\n")
    words = ("again", str(first.folder.path), "--store", "other", "--device", "cpu", "--json")
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert "names Python files: ./my_layer.py:Swirl. Read these files, then add --allow-code." in err
    call(capsys, "card", "--store", "store", "--json")
    call(capsys, "card", "--store", "store", "--run")
    assert not (here / "ran").exists()
    code, out, err = call(capsys, *words, "--allow-code")
    assert (code, out) == (2, "")
    assert "running ./my_layer.py:Swirl again: it is not the file that was run." in err
    assert not (here / "ran").exists()
    (here / "my_layer.py").write_text(LAYER)
    code, out, err = call(capsys, *words, "--allow-code")
    assert code == 0, err
    assert json.loads(out)[0]["status"] == "done"


def test_a_stored_run_without_code_runs_again_to_the_same_scores(here: Path, capsys: Capture) -> None:
    first = done(here / "store", structure="unet+average")
    words = ("again", str(first.folder.path / "spec.json"), "--store", "other", "--device", "cpu", "--json")
    code, out, err = call(capsys, *words)
    assert code == 0
    assert "has changed since" not in err
    assert json.loads(out)[0]["metrics"] == first.result.metrics
    code, _, err = call(capsys, "again", "nowhere")
    assert code == 2
    assert "there is no such file or folder" in err


def test_a_layer_that_takes_2d_alone_is_refused_in_1d(here: Path) -> None:
    (here / "my_layer.py").write_text(LAYER.replace("    '''Mixes", "    dims = (2,)\n    '''Mixes"))
    found = resolve_expression("unet(downs=1)+./my_layer.py:Swirl", "unet", registry())
    from probekit.plugin.interfaces import Shape

    assert found.build(Shape(3, 1, (8, 8)), 4)
    with pytest.raises(UsageError, match="swirl takes 2-D maps, and these are 1-D"):
        found.build(Shape(3, 1, (8,)), 4)
