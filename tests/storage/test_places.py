"""What is guarded: a place that is none, or whose name is too long, is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small import call

import probekit
from probekit.plugin.errors import ProbekitError, StoreError, UsageError
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
LONG = "n" * 260
TOO_LONG = "the name is too long: a file system allows 255 bytes per name"
MANY = "this process has too many open files. Raise the limit (`ulimit -n 4096`)"
GONE = "its folder is gone; it was moved or deleted in the meantime. Put it back"
STARVED = "there is not enough memory. Close other programs"

WITH_STORE = (
    ("run", "nonlocality", "-s", "unet", "--scale", "smoke"),
    ("run", "nonlocality", "-s", "unet", "--scale", "smoke", "--dry-run"),
    ("runs",),
    ("status",),
    ("store", "verify"),
    ("store", "gc"),
    ("store", "merge", "other"),
    ("card", "unet"),
    ("compare", "unet", "unet+average", "--probe", "nonlocality"),
    ("certify", "nonlocality", "--scale", "smoke", "--items", "4"),
    ("reproduce", "table2", "--scale", "smoke"),
)
names = pytest.mark.parametrize("asked", WITH_STORE, ids=[" ".join(one) for one in WITH_STORE])


@names
@pytest.mark.parametrize("store", ["", " "], ids=["empty", "blank"])
def test_an_empty_store_is_refused(
    asked: tuple[str, ...], store: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *asked, "--store", store)
    assert code == 2
    assert f"the store {store!r}: it is empty. Name a folder" in " ".join(err.split("\n"))
    assert list(tmp_path.iterdir()) == []


@names
def test_a_store_of_a_name_too_long_is_refused(
    asked: tuple[str, ...], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *asked, "--store", LONG)
    assert code == 1
    (said,) = [line for line in err.splitlines() if line.startswith("probekit: ")]
    assert TOO_LONG in said
    assert "Traceback" not in err


FILES = (
    ("again", LONG),
    ("run", "--study", LONG),
    ("run", "nonlocality", "--scale", "smoke", "-s", f"./{LONG}.py:Net"),
    ("new", "layer", "swirl", "--into", LONG),
    ("data", "nonlocality", "--scale", "smoke", "--count", "1", "--preview", f"{LONG}.png"),
    ("store", "merge", LONG),
    ("store", "merge", f"deep/{LONG}"),
)


@pytest.mark.parametrize("asked", FILES, ids=[" ".join(one[:2]).replace(LONG, "LONG") for one in FILES])
def test_a_file_of_a_name_too_long_is_refused_in_a_sentence(
    asked: tuple[str, ...], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *asked)
    assert code in (1, 2)
    assert "For the traceback, run" not in err
    assert TOO_LONG in err or "there is no such f" in err


def test_a_path_too_long_as_a_whole_is_refused(tmp_path: Path) -> None:
    deep = "/".join(["d" * 200] * 25)
    with pytest.raises(StoreError, match=TOO_LONG):
        Store(tmp_path / deep)


PYTHON: dict[str, Callable[[str], object]] = {
    "run": lambda store: probekit.run("nonlocality", "unet", scale="smoke", store=store),
    "results": lambda store: probekit.results(store=store),
    "card": lambda store: probekit.card("unet", store=store),
    "compare": lambda store: probekit.compare("unet", "average", "nonlocality", store=store),
    "certify": lambda store: probekit.certify("nonlocality", "smoke", items=4, store=store),
    "load": lambda store: probekit.load("nowhere", store=store),
}


@pytest.mark.parametrize("use", PYTHON.values(), ids=PYTHON.keys())
@pytest.mark.parametrize("store", ["", "  ", "a\0b"], ids=["empty", "blank", "a zero byte"])
def test_a_store_that_is_no_place_raises_usage_errors_in_python(
    use: Callable[[str], object], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the store"):
        use(store)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", PYTHON.values(), ids=PYTHON.keys())
def test_a_store_of_a_name_too_long_raises_an_error_with_a_sentence(
    use: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProbekitError, match=TOO_LONG):
        use(LONG)
