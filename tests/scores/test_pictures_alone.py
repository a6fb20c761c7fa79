"""What is guarded: what a plugin leaves of matplotlib changes no picture; names are drawn sign by sign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib import style
from small import PROBE, call, done

from probekit.pages import plots
from probekit.pages.cost import draw_scatter
from probekit.scores.pictures import GridRow, default_style, draw_grid
from probekit.storage.difficulty_curve import CurveBin, DifficultyCurve
from probekit.storage.folder import CASES

LEAVES: dict[str, Callable[[], object]] = {
    "dots": lambda: matplotlib.rcParams.update({"figure.dpi": 7, "savefig.dpi": 7}),
    "TeX": lambda: matplotlib.rcParams.update({"text.usetex": True}),
    "a style": lambda: style.use("dark_background"),
    "a backend": lambda: matplotlib.rcParams.update({"backend": "svg"}),
    "letters": lambda: matplotlib.rcParams.update({"font.family": "monospace", "font.size": 30}),
    "sketches": lambda: matplotlib.rcParams.update({"path.sketch": (3, 50, 2)}),
    "turned images": lambda: matplotlib.rcParams.update({"image.origin": "lower", "image.cmap": "jet"}),
    "cut edges": lambda: matplotlib.rcParams.update({"savefig.bbox": "tight", "savefig.transparent": True}),
    "letters as paths": lambda: matplotlib.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "x"}),
}
NAMES = ("$x$", 'unet(name="$\\\\frac{1}{0}$")', "a_b^c_{d}", "$$", "\\alpha $\\undefined$", "cost $5 to $6")
LOSSES = [(float(step), 1.0 / (1 + step)) for step in range(20)]
ALONG = DifficultyCurve(
    axis="distance", unit="pixels", about="", better="lower",
    points=tuple(CurveBin(start=n, stop=n + 1, items=3, mean=n / 4, low=0.0, high=1.0) for n in range(4)),
)  # fmt: skip


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put back what a test leaves."""
    with matplotlib.rc_context():
        backend = matplotlib.rcParams["backend"]
        yield
    matplotlib.rcParams["backend"] = backend


def png(title: str = "title") -> bytes:
    torch.manual_seed(0)
    strips = [GridRow(title, (torch.rand(3, 8, 8), torch.rand(1, 8, 8), torch.randn(1, 8, 8)))]
    return draw_grid(title, ("input", title, "error"), strips, frozenset({"error"}))


DRAWN: dict[str, Callable[[], bytes | str]] = {
    "cases": png,
    "curves": lambda: plots.draw_loss_curves([("#3b7dd8", LOSSES)], "salt"),
    "climbs": lambda: plots.draw_difficulty_curves([("#3b7dd8", ALONG)], "salt"),
    "costs": lambda: draw_scatter([(1, "#3b7dd8", 10.0, 0.5)], "parameters", "salt"),
    "a panel": lambda: plots.render_panel(torch.linspace(0, 1, 64).view(1, 8, 8)),
    "an error": lambda: plots.render_error(torch.linspace(-1, 1, 64).view(1, 8, 8), 1.0),
    "a map": lambda: plots.render_heatmap(torch.linspace(0, 1, 64).view(8, 8), 1.0),
}


@pytest.mark.parametrize("leaves", LEAVES)
def test_what_a_plugin_leaves_changes_no_picture(leaves: str) -> None:
    whole = {name: draw() for name, draw in DRAWN.items()}
    LEAVES[leaves]()
    left = dict(matplotlib.rcParams)
    assert {name: draw() for name, draw in DRAWN.items()} == whole
    assert dict(matplotlib.rcParams) == left  # it is the plugin's, and stays


def test_a_split_written_as_pictures_is_not_turned_upside_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("before", "after"):
        code, _, _ = call(capsys, "data", PROBE, "--scale", "smoke", "--png", str(tmp_path / folder))
        assert code == 0
        LEAVES["turned images"]()
    before, after = (sorted((tmp_path / name).iterdir()) for name in ("before", "after"))
    assert [path.read_bytes() for path in before] == [path.read_bytes() for path in after]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_signs_of_mathematics_is_drawn_sign_by_sign(name: str) -> None:
    from matplotlib.text import Text

    assert png(name) != png("")
    with default_style():
        assert Text(text=name)._preprocess_math(name) == (name, False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "a\nb\x1b[31m", "\u7f51\u7edc", "x" * 5000, ""])
def test_a_picture_is_drawn_of_any_text(name: str) -> None:
    assert png(name).startswith(b"\x89PNG")


def test_a_structure_named_with_dollars_in_a_layer_that_spoils_settings_draws_its_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "from torch import nn\n{spoil}\ndef net(shape, *, name='x'):\n    return nn.Conv2d(3, 1, 1)\n"
    spoil = "import matplotlib\nmatplotlib.rcParams.update({'text.usetex': True, 'figure.dpi': 3})"
    digests = []
    for left in ("", spoil):
        Path("net.py").write_text(text.format(spoil=left))
        run = done(tmp_path / f"store{len(left)}", structure='./net.py:net(name="$\\\\undefined_{$")')
        assert (run.result.status, run.result.missing) == ("done", {})
        digests.append(hashlib.sha256((run.folder.path / CASES).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
