"""What is guarded: one broken plugin never stops the rest, and a name finds one thing or says how to."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, install, plugin_text

from probekit.catalog.grammar import Term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import Registry
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError, UsageError

PLUGINS = {
    "raiser": "raise RuntimeError('a bug\\nover two lines')",
    "leaver": "import sys; sys.exit(3)",
    "needy": "import a_package_nobody_has",
    "nonsense": plugin_text().replace("[]", "['not a component']"),
    "number": plugin_text().replace("[]", "7"),
    "kindless": plugin_text("'planet', 'mars', 'm:a', 'about'"),
    "twins": plugin_text("'layer', 'twin', 'm:a', 'one'", "'layer', 'twin', 'm:b', 'two'"),
    "typo": plugin_text().replace("probekit_components", "probekit_component"),
    "undecorated": plugin_text("'layer', 'x', 'm:a', ''").replace("@hookimpl", ""),
    "chatty": "print('hello from a plugin')\n" + plugin_text("'layer', 'chatty', 'm:a', 'prints'"),
    "acme": plugin_text(
        "'layer', 'lambda', 'acme:Lambda', 'another lambda'", "'encoding', 'lone', 'gone:X', ''"
    ),
    "lazy": plugin_text("'layer', 'lazy-one', 'lazy_target:X', 'its target needs what nobody has'"),
}
REASONS = {
    "raiser": "RuntimeError: a bug over two lines",
    "leaver": "SystemExit: 3",
    "needy": "ModuleNotFoundError: No module named 'a_package_nobody_has'",
    "nonsense": "'not a component', which is not a Component",
    "number": "not iterable",
    "kindless": "kind 'planet' is none of probe, structure",
    "twins": "registers it twice",
    "typo": "probekit_component",
    "undecorated": "none of probekit's hooks",
}


@pytest.fixture(scope="module")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin_folder")
    for name, text in PLUGINS.items():
        install(folder, f"probekit-{name}", {name: f"zoo_{name}"}, {f"zoo_{name}.py": text})
    (folder / "lazy_target.py").write_text("import a_package_nobody_has")
    return folder


@pytest.fixture
def registry(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(plugin_folder))
    return Registry.load()


@pytest.fixture(scope="module")
def states(plugin_folder: Path, probekit: Run) -> dict[str, dict[str, Any]]:
    done = probekit("plugins", "--json", path=plugin_folder)
    assert done.returncode == 0
    return {record["name"]: record for record in json.loads(done.stdout)}


@pytest.mark.parametrize("name", REASONS)
def test_a_broken_plugin_is_set_aside_with_its_reason_in_one_line(name: str, states: dict[str, Any]) -> None:
    assert REASONS[name] in states[name]["error"]
    assert "\n" not in states[name]["error"]
    assert states[name]["components"] == 0


@pytest.mark.parametrize("name", ["chatty", "acme", "layers", "structures"])
def test_the_rest_opens_beside_broken_plugins(name: str, states: dict[str, Any]) -> None:
    assert states[name]["state"] == "ok"
    assert states[name]["components"] >= 1
    assert states[name]["distribution"] == ("probekit-nn" if name not in PLUGINS else f"probekit-{name}")
    assert states[name]["seconds"] > 0


def test_what_a_plugin_prints_while_it_opens_goes_to_stderr(plugin_folder: Path, probekit: Run) -> None:
    done = probekit("list", "layer", "--json", path=plugin_folder)
    assert "hello from a plugin" in done.stderr
    assert "chatty" in [component["name"] for component in json.loads(done.stdout)]


def test_every_set_aside_plugin_is_named_once_on_stderr_by_a_command(
    plugin_folder: Path, probekit: Run
) -> None:
    done = probekit("list", path=plugin_folder)
    assert done.returncode == 0
    for name in REASONS:
        assert done.stderr.count(f"plugin {name} failed to load") == 1
    assert "Traceback" not in done.stderr
    assert "failed to load" not in probekit("list", "--help", path=plugin_folder).stderr


def test_trace_shows_where_a_plugin_broke(plugin_folder: Path, probekit: Run) -> None:
    done = probekit("plugins", "--trace", path=plugin_folder)
    assert 'zoo_raiser.py", line 1' in done.stdout
    assert "failed to load after" in done.stdout


CTRL_C = "import signal; signal.raise_signal(signal.SIGINT)"
ALIKE = "raise KeyboardInterrupt"


def test_ctrl_c_while_a_plugin_opens_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "stopped", {"stopped": "zoo_stopped"}, {"zoo_stopped.py": CTRL_C})
    monkeypatch.syspath_prepend(str(tmp_path))
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        Registry.load()
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_plugin_that_raises_keyboard_interrupt_itself_is_set_aside_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = plugin_text("'layer', 'late', 'zoo_late:X', ''", "'layer', 'later', 'zoo_later:X', ''")
    watch = f"from probekit import hookimpl\n@hookimpl\ndef probekit_run_progress(row):\n    {ALIKE}"
    files = {
        "zoo_alike.py": ALIKE,
        "zoo_late.py": ALIKE,
        "zoo_later.py": f"def X(channels, size):\n    {ALIKE}",
        "zoo_hook.py": hook,
        "zoo_watch.py": watch,
    }
    install(tmp_path, "alike", {"alike": "zoo_alike", "hook": "zoo_hook", "watch": "zoo_watch"}, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    handler = signal.getsignal(signal.SIGINT)
    registry = Registry.load()
    assert [record.name for record in registry.set_aside] == ["alike"]
    assert "nobody typed Ctrl-C" in str(registry.set_aside[0].error)
    with pytest.raises(ProbekitError, match="cannot be imported"):
        registry.load_target(registry.find_component("layer", "late"))
    with pytest.raises(ProbekitError, match="could not be built"):
        resolve_part("layer", Term("later"), registry).make(4, (8, 8))
    registry.notify_observers("probekit_run_progress", plan=None, path=tmp_path, row={"step": 1})
    assert "no longer observes runs" in registry.complaints[-1]
    (tmp_path / "alike.py").write_text(ALIKE)
    with pytest.raises(ProbekitError, match="cannot be run"):
        registry.find_component("layer", f"{tmp_path}/alike.py:X")
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_clash_is_listed_twice_and_the_short_name_offers_both_long_names(registry: Registry) -> None:
    assert [c.plugin for c in registry.components("layer") if c.name == "lambda"] == ["acme", "layers"]
    with pytest.raises(UsageError, match="acme/lambda or layers/lambda"):
        registry.find_component("layer", "lambda")
    assert registry.find_component("layer", "acme/lambda").plugin == "acme"
    assert registry.find_component("layer", "layers/lambda").plugin == "layers"


def test_components_are_sorted_whatever_the_order_of_installation(registry: Registry) -> None:
    names = [(c.name, c.plugin) for c in registry.components("layer")]
    assert names == sorted(names)
    assert len(names) < len(registry.components())


def test_an_unknown_name_is_met_with_the_nearest_and_with_what_was_set_aside(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"Did you mean lambda.*Plugin raiser was set aside \(RuntimeError"):
        registry.find_component("layer", "lamda")
    with pytest.raises(UsageError) as caught:
        registry.find_component("layer", "needy/attention")
    assert "Plugin needy was set aside" in str(caught.value)
    assert "raiser" not in str(caught.value)


def test_a_name_of_another_kind_says_so(registry: Registry) -> None:
    with pytest.raises(UsageError, match="that is the name of a structure"):
        registry.find_component("layer", "unet")
    assert registry.kinds_of("unet") == {"structure"}
    assert registry.kinds_of("acme/lambda") == {"layer"}
    assert registry.kinds_of("nothing") == set()


@pytest.mark.parametrize("name", ["acme/lambda", "lone", "lazy-one"])
def test_an_address_that_cannot_be_opened_names_plugin_address_and_reason(
    name: str, registry: Registry
) -> None:
    kind: Any = "encoding" if name == "lone" else "layer"
    component = registry.find_component(kind, name)
    with pytest.raises(ProbekitError) as caught:
        registry.load_target(component)
    said = str(caught.value)
    assert f"plugin {component.plugin}" in said
    assert str(component.target) in said
    assert ("Install a_package_nobody_has" if name == "lazy-one" else "PROBEKIT_SKIP=acme") in said


def test_skipped_plugins_stay_out_and_a_misspelt_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_SKIP", "layers, structurs")
    registry = Registry.load()
    assert registry.components("layer") == []
    assert [record.name for record in registry.plugins if record.skipped] == ["layers"]
    assert "Did you mean structures?" in registry.complaints[0]
    with pytest.raises(UsageError, match="Plugin layers was skipped"):
        registry.find_component("layer", "layers/lambda")


def test_components_given_from_python_join_without_touching_the_registry() -> None:
    registry = Registry.load()
    mine = Component("layer", "mine", dict, "given from Python")
    joined = registry.with_components(mine).with_components(mine)
    assert joined.find_component("layer", "mine").long_name == "python/mine"
    assert joined.load_target(joined.find_component("layer", "mine")) is dict
    assert joined.find_plugin(joined.find_component("layer", "mine")) is None
    assert registry.kinds_of("mine") == set()
    with pytest.raises(UsageError, match="twice"):
        joined.with_components(Component("layer", "mine", list, "another"))


def test_an_observer_that_raises_is_heard_no_more_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = "from probekit import hookimpl\nheard = []\n@hookimpl\ndef probekit_run_progress(row):\n"
    files = {
        "watch_bad.py": f"{hook}    heard.append(row); 1 / 0",
        "watch_good.py": f"{hook}    print(row); heard.append(row)",
    }
    install(tmp_path, "watchers", {"bad": "watch_bad", "good": "watch_good"}, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry.load()
    for step in (1.0, 2.0):
        registry.notify_observers("probekit_run_progress", plan=None, path=tmp_path, row={"step": step})
    import watch_bad  # type: ignore[import-not-found]
    import watch_good  # type: ignore[import-not-found]

    assert watch_good.heard == [{"step": 1.0}, {"step": 2.0}]
    assert watch_bad.heard == [{"step": 1.0}]
    assert [complaint for complaint in registry.complaints if "bad" in complaint] == registry.complaints
    assert "ZeroDivisionError" in registry.complaints[0]
    assert capsys.readouterr().out == ""


def test_a_mistyped_layer_that_stands_alone_is_recognised() -> None:
    with pytest.raises(UsageError, match="Did you mean lambda"):
        Registry.load().find_component("structure", "lamda")
