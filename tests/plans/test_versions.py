"""What is guarded: the version of what a plugin imports is part of the identity."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from conftest import install, plugin_text
from small import planned

from probekit.catalog.registry import Registry

COUNT = itertools.count()

IMPORTS = [
    "import {0}",
    "from {0} import side",
    "def late():\n    import {0}.inner",
    "from {0}.inner import deep",
]


def library(folder: Path, name: str, version: str, code: str) -> None:
    """Install a distribution as pip would, with its record."""
    files = {f"{name}/__init__.py": f"side = 1  # {code}\n", f"{name}/inner.py": "deep = 2\n"}
    install(folder, f"dist-{name}", {}, files)
    (folder / f"dist_{name}-1.2.dist-info").rename(folder / f"dist_{name}-{version}.dist-info")
    info = folder / f"dist_{name}-{version}.dist-info"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.mark.parametrize("statement", IMPORTS)
def test_the_version_of_what_a_plugin_imports_is_part_of_the_identity(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"wrapped{next(COUNT)}"
    plugin = tmp_path / "plugin"
    text = f"{statement.format(name)}\nfrom torch.nn import Identity\n"
    text += "def few(channels, size):\n    return Identity()\n"
    files = {"wrap_plugin.py": plugin_text("'layer', 'wrap', 'wrap_layer:few', ''"), "wrap_layer.py": text}
    install(plugin, "probekit-wrap", {"wrap": "wrap_plugin"}, files)
    found = []
    for version, code in (("0.4.0", "a"), ("0.4.0", "b"), ("0.9.9", "a")):
        folder = tmp_path / f"{version}{code}"
        library(folder, name, version, code)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(plugin))
            patch.syspath_prepend(str(folder))
            found.append(planned(Registry.load(), structure="unet+wrap"))
            for loaded in ("wrap_plugin", "wrap_layer", name, f"{name}.inner"):
                sys.modules.pop(loaded, None)
    assert found[0].components[2].imports[f"dist-{name}"] == "0.4.0"
    assert "torch" in found[0].components[2].imports
    assert found[0].identity == found[1].identity != found[2].identity
