"""What is guarded: a common mistake has a hint that can be followed, typed in a shell or in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from small import call
from torch import Tensor, nn

import probekit
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Shape

Capture = pytest.CaptureFixture[str]
FILE = """
from torch import nn


class Layer(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.mix = (nn.Conv1d if len(size) == 1 else nn.Conv2d)(channels, channels, 1)

    def forward(self, x):
        return self.mix(x)


class Named(nn.Module):
    def __init__(self, dim, seq_len=64):
        super().__init__()
        self.mix = nn.Linear(dim, dim)


class Heads(Layer):
    def __init__(self, channels, size, *, heads: int = 3):
        super().__init__(channels, size)
        assert channels % heads == 0


class LastAxis(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.mix = nn.Linear(channels, channels)

    def forward(self, x):
        return self.mix(x)


class Flat(LastAxis):
    def forward(self, x):
        return self.mix(x.flatten(2)).reshape_as(x)


class First(LastAxis):
    def forward(self, x):
        return self.mix(x.mT).mT


class Fixed(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        assert channels == 4
        self.mix = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.mix(x)


class Flat2d(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return self.mix(x)


def net_1d(shape):
    return nn.Conv1d(shape.inputs, shape.outputs, 1)


def net_2d(shape):
    return nn.Conv2d(shape.inputs, shape.outputs, 1)


def net_last(shape):
    return nn.Linear(shape.inputs, shape.outputs)


class Declared(nn.Conv2d):
    dims = (2,)

    def __init__(self, shape):
        super().__init__(shape.inputs, shape.outputs, 1)


class DeclaredLayer(Flat2d):
    dims = (2,)


net = nn.Sequential(nn.Conv2d(3, 1, 1))
layer = Layer(8, (8,))
numbers = [1, 2]
"""
SMALL = "(test=16,train=64,validation=8)"
TWO_D, ONE_D = f"nonlocality{SMALL}", f"grouping{SMALL}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBEKIT_HOME", str(tmp_path / "store"))
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path


def type_run(capsys: Capture, probe: str, *words: str) -> tuple[int, str]:
    """Type `probekit run`; return the exit code and what is on stderr."""
    code, _, err = call(capsys, "run", probe, "--scale", "smoke", "--device", "cpu", *words)
    assert "Traceback" not in err
    return code, err


@pytest.mark.parametrize("structure", ["./mine.py:Layer", "unet+./mine.py:Layer"])
def test_a_layer_of_a_file_is_hosted(structure: str, capsys: Capture) -> None:
    assert type_run(capsys, TWO_D, "-s", structure, "--dry-run") == (0, "")


@pytest.mark.parametrize(
    ("structure", "hint"),
    [
        ("./mine.py:Named", "A layer's first two parameters are called channels and size"),
        (
            "./mine.py:net",
            "built already.*Name a function that builds it, def build.shape.: return Sequential",
        ),
        ("./mine.py:layer", "built already.*Name the class Layer, or a function"),
        ("unet+./mine.py:layer", "built already.*Name the class Layer, or a function"),
        ("./mine.py:numbers", "numbers is neither a class nor a function"),
    ],
)
def test_a_file_that_names_no_structure(structure: str, hint: str, capsys: Capture) -> None:
    code, err = type_run(capsys, TWO_D, "-s", structure, "--dry-run")
    assert code in (1, 2)
    with pytest.raises(ProbekitError, match=hint):
        run_python(TWO_D, structure)
    assert re.search(hint, " ".join(err.split()))


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("structure", "./mine.py:Layer", "so it is a layer. Type probekit check layer ./mine.py:Layer."),
        (
            "layer",
            "./mine.py:net_2d",
            "so it is a structure. Type probekit check structure ./mine.py:net_2d.",
        ),
    ],
)
def test_a_check_of_the_wrong_kind(kind: str, name: str, hint: str, capsys: Capture) -> None:
    code, _, err = call(capsys, "check", kind, name)
    assert (code, hint in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize(
    ("structure", "hint"),
    [
        (nn.Sequential(nn.Conv2d(3, 1, 1)), "Name a function that builds it, def build"),
        (nn.Conv2d(3, 1, 1), "return Conv2d"),
        ([nn.Conv2d(3, 1, 1)], "return Conv2d"),
        (type("Mine", (nn.Conv2d,), {})(3, 1, 1), "Name the class Mine, or a function"),
    ],
    ids=["sequential", "module", "list", "own class"],
)
def test_a_module_that_is_built_already(structure: Any, hint: str) -> None:
    with pytest.raises(ProbekitError, match=f"built already.*{hint}"):
        run_python(TWO_D, structure)


@pytest.mark.parametrize("seeds", ["[0, 1]", "0,1", "(0, 1)", "0 1"])
@pytest.mark.parametrize("command", ["run", "card", "reproduce"])
def test_a_list_of_seeds(command: str, seeds: str, capsys: Capture) -> None:
    words = {"run": [TWO_D, "-s", "unet"], "card": ["unet", "--run"], "reproduce": ["table2"]}[command]
    code, _, err = call(capsys, command, *words, "--seeds", seeds)
    assert code == 2
    assert "a list cannot be typed here" in err
    assert "as --seeds 2." in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--seeds", "[3, 4]"], "type --seed 3, or put seeds = [3, 4] into a study file"),
        (["--seed", "[0, 1]"], "as --seeds 2."),
        (["--seeds", "two"], "it is not a whole number. Type --seeds 3."),
        (["--seeds", "-1"], "there is nothing to run"),
        (["seeds=[0, 1]"], "Type --seeds [0, 1], or in Python seeds=... as an argument"),
        (["structure=unet"], "Type --structure unet, or in Python"),
    ],
    ids=str,
)
def test_numbers_of_seeds_and_python_options(words: list[str], hint: str, capsys: Capture) -> None:
    code, err = type_run(capsys, TWO_D, *words, "-s", "unet", "--dry-run")
    assert code == 2
    assert hint in " ".join(err.split())


@pytest.mark.parametrize(
    "seeds", ["[0, 1]", "2", 1.5, [0.5], [-1], [True], [2**32], ["0"], True, []], ids=str
)
def test_seeds_in_python_are_whole_numbers(seeds: Any, folder: Path) -> None:
    with pytest.raises(ProbekitError, match=r"Pass .*seeds=\[0, 1\]"):
        run_python(TWO_D, "unet", seeds=seeds)
    assert not (folder / "store").exists()


@pytest.mark.parametrize(
    ("structure", "width", "hint"),
    [
        ("unet+lambda(heads=3)", 16, "--width 15 or --width 18.*heads=1 or 2 or 4 or 8 or 16"),
        ("unet+long-short(heads=3)", 16, "--width 12 or --width 24.*heads=1 or 2 or 4"),
        ("unet+lambda(heads=32)", 16, "Type --width 32. Or keep the width, and type heads=1 or 2"),
        ("unet+./mine.py:Heads", 16, "heads=3 does not divide: type heads=1 or 2 or 4 or 8 or 16"),
        ("./mine.py:Heads(heads=5)", 6, "heads=5 does not divide: type heads=1 or 2 or 3 or 6"),
    ],
)
def test_heads_that_do_not_divide_the_width(structure: str, width: int, hint: str, capsys: Capture) -> None:
    code, err = type_run(capsys, TWO_D, "-s", structure, "--width", str(width), "--dry-run")
    assert code in (1, 2)
    assert re.search(hint, " ".join(err.split()))
    with pytest.raises(ProbekitError, match=hint):
        run_python(TWO_D, structure, width=width)


def test_a_width_that_the_hint_names_fits(capsys: Capture) -> None:
    for words in (("unet+lambda(heads=3)", "--width", "15"), ("unet+lambda(heads=4)", "--width", "16")):
        assert type_run(capsys, TWO_D, "-s", *words, "--dry-run") == (0, "")


@pytest.mark.parametrize(
    ("probe", "structure", "hint"),
    [
        (
            ONE_D,
            "./mine.py:net_2d",
            "takes 2-D inputs, and this probe is 1-D.*2-D: fill, insideness, nonlocal",
        ),
        (
            TWO_D,
            "./mine.py:net_1d",
            "takes 1-D inputs, and this probe is 2-D.*1-D: grouping, multi-hop, parity",
        ),
        (
            ONE_D,
            "./mine.py:Flat2d",
            "takes 2-D inputs, and this probe is 1-D.*2-D: fill, insideness, nonlocal",
        ),
        (ONE_D, "./mine.py:Declared", "Probes that fit: fill, .* A structure that fits: hrnet"),
        (ONE_D, "unet+./mine.py:DeclaredLayer", "Probes that fit: fill, .* A layer that fits: average"),
    ],
)
def test_a_network_of_other_dimensions(probe: str, structure: str, hint: str, capsys: Capture) -> None:
    code, err = type_run(capsys, probe, "-s", structure)
    assert code in (1, 2)
    assert re.search(hint, " ".join(err.split()))
    with pytest.raises(ProbekitError, match=hint):
        run_python(probe, structure)


def pixels_last(shape: Shape) -> nn.Module:
    return nn.Linear(shape.inputs, shape.outputs)


class OnWidth(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.mix(x)
        return output


@pytest.mark.parametrize(
    ("probe", "structure", "width", "axis"),
    [
        (TWO_D, "unet(downs=0)+./mine.py:LastAxis", 16, "width (axis 3)"),
        (TWO_D, "unet+./mine.py:LastAxis", 8, "width (axis 3)"),
        (ONE_D, "./mine.py:LastAxis", 128, "length (axis 2)"),
        (TWO_D, "./mine.py:First", 16, "height (axis 2)"),
        (TWO_D, "./mine.py:Flat", 8, "number of positions (axes 2 and 3)"),
        (TWO_D, OnWidth, 16, "width (axis 3)"),
        (TWO_D, "./mine.py:net_last", None, "width (axis 3)"),
        (TWO_D, pixels_last, None, "width (axis 3)"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_wrong_axis_is_named_before_training(
    probe: str, structure: Any, width: int | None, axis: str, capsys: Capture, folder: Path
) -> None:
    with pytest.raises(ProbekitError, match="so it takes one for the other") as error:
        run_python(probe, structure, width=width)
    assert axis in str(error.value)
    if isinstance(structure, str):
        code, err = type_run(capsys, probe, "-s", structure, *(["--width", str(width)] if width else []))
        assert code == 1
        assert axis in " ".join(err.split())
    assert not list((folder / "store").glob("*/log.jsonl"))


def test_a_layer_of_one_width_is_no_wrong_axis(capsys: Capture) -> None:
    words = ("-s", "unet(downs=0)+./mine.py:Fixed", "--width", "4")
    code, err = type_run(capsys, TWO_D, *words, "--trainer", "supervised(epochs=1)")
    assert (code, "failed" in err) == (0, False)


@pytest.mark.parametrize(
    ("params", "scale", "size"),
    [
        ({"height": 16, "width": 128}, "smoke", (16, 128)),
        ({"height": 32}, "smoke", (32, 16)),
        ({"size": 64}, "quick", (64, 64)),
        ({"size": 64, "height": 32}, "quick", (32, 64)),
        ({"height": 16}, "quick", (16, 24)),
    ],
    ids=str,
)
def test_typed_sides_replace_those_of_a_scale(
    params: Mapping[str, int], scale: str, size: tuple[int, ...], capsys: Capture
) -> None:
    probe = f"nonlocality({','.join(f'{name}={value}' for name, value in params.items())})"
    assert probekit.data(probe, scale=scale)[0][0].shape[1:] == size
    code, _, err = call(capsys, "run", probe, "-s", "unet", "--scale", scale, "--dry-run")
    assert (code, err) == (0, "")


def test_three_typed_sides_exclude_each_other(capsys: Capture) -> None:
    code, err = type_run(capsys, "nonlocality(size=32,height=16,width=16)", "-s", "unet", "--dry-run")
    assert code == 2
    assert "Type size=32 for a square, or height=16 and width=16." in " ".join(err.split())


def run_python(probe: str, structure: str | Callable[..., nn.Module], **options: Any) -> Any:
    """Call `probekit.run`."""
    return probekit.run(probe, structure, scale="smoke", device="cpu", **options)
