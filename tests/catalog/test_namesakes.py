"""What is guarded: distributions that share a name, or say nothing readable, cost each other nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import install, plugin_text

from probekit.catalog.grammar import parse_expression
from probekit.catalog.registry import Registry
from probekit.plugin.errors import UsageError


@pytest.fixture
def namesakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install two distributions that both declare a plugin `namesake`, and a third that declares `layers`."""
    for name, entry in (("first", "namesake"), ("second", "namesake"), ("third", "layers")):
        text = plugin_text(f"'layer', '{name}', 'm:a', ''", "'layer', 'common', 'm:b', ''")
        install(tmp_path, f"the-{name}", {entry: f"namesake_{name}"}, {f"namesake_{name}.py": text})
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_plugins_of_one_name_all_stay_and_ours_keeps_its_name(namesakes: Path) -> None:
    registry = Registry.load()
    assert registry.set_aside == ()
    assert registry.find_component("layer", "first").plugin == "the-first/namesake"
    assert (
        registry.find_component("layer", "the-second/namesake/common").long_name
        == "the-second/namesake/common"
    )
    assert registry.find_component("layer", "the-third/layers/common").plugin == "the-third/layers"
    assert registry.find_component("layer", "layers/lambda").plugin == "layers"
    with pytest.raises(UsageError, match=r"3 plugins.*the-first/namesake/common or the-second/"):
        registry.find_component("layer", "common")
    assert parse_expression("unet+the-first/namesake/common(a=1)")[1].name == "the-first/namesake/common"
    owner = registry.find_plugin(registry.find_component("layer", "second"))
    assert owner is not None
    assert owner.distribution == "the-second"


@pytest.mark.parametrize(
    ("skip", "left_out"),
    [
        ("the-first/namesake", {"the-first/namesake"}),
        ("the-third/layers", {"the-third/layers"}),
        ("layers", {"layers"}),
        ("probekit-nn/layers", {"layers"}),
        ("namesake", {"the-first/namesake", "the-second/namesake"}),
    ],
)
def test_leaving_one_of_a_name_out_leaves_the_others(
    skip: str, left_out: set[str], namesakes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEKIT_SKIP", skip)
    registry = Registry.load()
    assert {record.name for record in registry.plugins if record.skipped} == left_out
    assert registry.complaints == []
    held = {c.plugin for c in registry.components("layer")}
    assert held == {"the-first/namesake", "the-second/namesake", "the-third/layers", "layers"} - left_out


def test_a_distribution_that_says_nothing_readable_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = {
        "latin": "METADATA",
        "silent": "METADATA",
        "garbled": "entry_points.txt",
        "cut": "entry_points.txt",
    }
    for name, file in spoilt.items():
        text = plugin_text(f"'layer', '{name}', 'm:a', ''")
        install(tmp_path, f"the-{name}", {"spoilt": f"spoilt_{name}"}, {f"spoilt_{name}.py": text})
        path = tmp_path / f"the_{name}-1.2.dist-info" / file
        broken = {
            "latin": b"Name: caf\xe9\n",
            "garbled": b"[probekit]\nx = \xff\xfe\n",
            "cut": b"[probekit]\nx\n",
        }
        path.write_bytes(broken[name]) if name in broken else path.unlink()
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry.load()
    assert registry.find_component("layer", "latin").plugin == "spoilt_latin/spoilt"
    assert registry.find_component("layer", "silent").plugin == "spoilt_silent/spoilt"
    assert registry.find_component("layer", "layers/lambda")
    told = [one for one in registry.complaints if "cannot be read" in one]
    assert sorted(one.split()[5] for one in told) == ["the-cut", "the-garbled"]
