"""What is guarded: a release is trusted by its version, without a replay; what may change unseen is not."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from changes.outside import CODE, RELEASED
from changes.places import ENTRY
from changes.records import write_record
from changes.tiny import NET
from conftest import install
from small import done, job

from probekit.catalog.identity.releases import pinned_versions
from probekit.catalog.registry import Registry
from probekit.plans.plan import Plan

COUNTS = (
    NET.replace("super().__init__()", "super().__init__()\n        BUILT.append(self)") + "\nBUILT = []\n"
)
INFO = "user_pack-1.2.dist-info"
OTHER = "user_other-1.0.dist-info"


def forget() -> None:
    """Begin as a new process does: nothing of the packages is loaded or known."""
    pinned_versions.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "user_pack"]:
        del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A released package with a probe, a structure and a trainer, that requires another released package."""
    folder = tmp_path / "site"
    files = {name.removeprefix("site/"): text for name, text in CODE.items()}
    install(folder, "user-pack", ENTRY, {**files, "user_pack/net.py": COUNTS, "user_other.py": "ONE = 1\n"})
    with (folder / INFO / "METADATA").open("a") as metadata:
        metadata.write("Requires-Dist: user-other>=1\nRequires-Dist: not-installed-here; extra == 'more'\n")
    (folder / OTHER).mkdir()
    (folder / OTHER / "METADATA").write_text("Metadata-Version: 2.1\nName: user-other\nVersion: 1.0\n")
    for info in (INFO, OTHER):
        write_record(folder, folder / info)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    forget()
    yield folder
    forget()


def plan() -> Plan:
    forget()
    return job(Registry.load(), **RELEASED).plan


def builds() -> int:
    return len(sys.modules["user_pack.net"].BUILT)


def edit(site: Path, name: str, old: str, new: str) -> None:
    path = site / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_release_is_trusted_without_a_replay_and_builds_nothing_to_be_found(
    site: Path, tmp_path: Path
) -> None:
    assert plan().pins == {"user-pack": "1.2", "user-other": "1.0"}
    forget()
    first = done(tmp_path / "store", Registry.load(), **RELEASED)
    assert (first.result.status, first.stored) == ("done", False)
    forget()
    known = Registry.load()
    job(known, **RELEASED)
    planning = builds()
    assert done(tmp_path / "store", known, **RELEASED).stored
    assert builds() == 2 * planning  # it was planned once more, and that is all
    edit(site, "user_pack/net.py", "BUILT = []", "BUILT = []  # edited")
    forget()
    known = Registry.load()
    assert done(tmp_path / "store", known, **RELEASED).stored
    assert builds() > planning  # it was replayed


def edit_a_file(site: Path) -> None:
    edit(site, "user_pack/net.py", "tanh", "sin")


def remove_a_file(site: Path) -> None:
    (site / "user_pack" / "__init__.py").read_text()
    edit(site, f"{INFO}/RECORD", "user_pack/net.py", "user_pack/gone.py")


def lose_the_record(site: Path) -> None:
    (site / INFO / "RECORD").unlink()


def record_no_hashes(site: Path) -> None:
    (site / INFO / "RECORD").write_text("user_pack/net.py,,\n")


def install_from_a_folder(site: Path) -> None:
    (site / INFO / "direct_url.json").write_text('{"url": "file:///a", "dir_info": {"editable": true}}')


def make_a_development_version(site: Path) -> None:
    edit(site, f"{INFO}/METADATA", "Version: 1.2", "Version: 1.2.dev3")
    write_record(site, site / INFO)


def require_what_is_editable(site: Path) -> None:
    (site / OTHER / "direct_url.json").write_text('{"url": "file:///a", "dir_info": {"editable": true}}')


def require_a_development_version(site: Path) -> None:
    edit(site, f"{OTHER}/METADATA", "Version: 1.0", "Version: 1.1.dev0")


@pytest.mark.parametrize(
    "change",
    [
        edit_a_file,
        remove_a_file,
        lose_the_record,
        record_no_hashes,
        install_from_a_folder,
        make_a_development_version,
        require_what_is_editable,
        require_a_development_version,
    ],
)
def test_what_may_change_without_a_new_version_is_no_release(
    change: Callable[[Path], None], site: Path
) -> None:
    assert plan().pins
    change(site)
    assert plan().pins == {}


def test_a_new_version_of_what_a_release_requires_is_replayed(
    site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forget()
    edit(site, "user_pack/net.py", "torch.tanh(self", "user_other.ONE * torch.tanh(self")
    edit(site, "user_pack/net.py", "import torch\n", "import torch\nimport user_other\n")
    write_record(site, site / INFO)
    first = done(tmp_path / "store", Registry.load(), **RELEASED)
    for text, stored in (("ONE = 1.0\n", True), ("ONE = 2\n", False)):
        (site / "user_other.py").write_text(text)
        version = "1.1" if stored else "1.2"
        (site / OTHER / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: user-other\nVersion: {version}\n"
        )
        write_record(site, site / OTHER)
        sys.modules.pop("user_other", None)
        forget()
        with caplog.at_level(logging.WARNING):
            found = done(tmp_path / "store", Registry.load(), **RELEASED)
        assert (found.stored, found.result.plan.pins["user-other"]) == (stored, version)
        assert (found.folder.path == first.folder.path) is stored
    assert "loss of step 1" in caplog.text


def test_an_optional_requirement_that_is_installed_is_pinned_too(site: Path) -> None:
    edit(site, f"{INFO}/METADATA", "not-installed-here", "user-extra")
    write_record(site, site / INFO)
    info = site / "user_extra-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: user-extra\nVersion: 3.0\n")
    assert plan().pins == {"user-pack": "1.2", "user-other": "1.0", "user-extra": "3.0"}
