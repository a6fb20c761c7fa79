"""What is guarded: a plugin's module named as one of Python's own is set aside, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run, install, plugin_text
from small import PROBE

from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError

FINE = plugin_text("'layer', 'fine', 'math:Fine', 'a layer whose module is hidden'")


@pytest.mark.parametrize("name", ["queue", "random", "types", "logging.inner", "this", "math"])
def test_a_plugin_with_the_name_of_one_of_python_s_own_is_set_aside(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        f"{name.replace('.', '/')}.py": plugin_text("'layer', 'odd', 'm:A', 'x'"),
        "fine_plugin.py": FINE,
    }
    install(tmp_path, "probekit-odd", {"odd": name, "fine": "fine_plugin"}, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Registry.load()
    (record,) = found.set_aside
    top = name.partition(".")[0]
    assert record.name == "odd"
    assert f"its module {top} has the name of one of Python's own" in str(record.error)
    assert "PROBEKIT_SKIP=odd" in record.fix
    assert found.find_component("layer", "lambda").plugin == "layers"
    with pytest.raises(ProbekitError, match="Give the module another name: its module math has"):
        found.load_target(found.find_component("layer", "fine"))
    assert capsys.readouterr().out == ""  # `this` prints a poem where it is imported


@pytest.mark.parametrize("name", ["queue", pytest.param("random", marks=pytest.mark.slow)])
def test_a_run_is_what_it_was_beside_such_a_plugin_on_the_path(
    name: str, probekit: Run, tmp_path: Path
) -> None:
    install(tmp_path / "path", "probekit-odd", {"odd": name}, {f"{name}.py": "raise RuntimeError('mine')\n"})
    words = ("run", PROBE, "-s", "unet", "--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)")
    run = probekit(*words, "--device", "cpu", "--store", str(tmp_path / "kept"), path=tmp_path / "path")
    assert run.returncode == 0, run.stderr
    assert f"plugin odd failed to load (the entry point {name}: its module {name} has" in run.stderr
    assert "on nonlocality" in " ".join(run.stdout.split())
