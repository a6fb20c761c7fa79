"""What is guarded: only regular files of bounded size are read, and nothing is written through a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from probekit.plugin.errors import StoreError
from probekit.storage import disk
from probekit.storage.folder import LOG, RESULT, SPEC, Folder

OTHERS: dict[str, Callable[[Path], None]] = {
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nothing": lambda path: path.symlink_to("/nowhere"),
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_regular_file_is_not_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "it")
    with pytest.raises(StoreError, match=r"it is a link|not a regular file|Is a directory"):
        disk.read_file(tmp_path / "it", 100)
    make(tmp_path / RESULT)
    with pytest.raises(StoreError):
        Folder(tmp_path).read_result()


def test_a_device_is_not_read_without_end() -> None:
    with pytest.raises(StoreError, match="not a regular file"):
        disk.read_file(Path("/dev/zero"), 100)


def test_a_file_larger_than_it_may_be_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 101)
    assert len(disk.read_file(tmp_path / "large", 101)) == 101
    with pytest.raises(StoreError, match="101 bytes, more than 100"):
        disk.read_file(tmp_path / "large", 100)


@pytest.mark.parametrize("name", [SPEC, RESULT, LOG, "weights.safetensors", "cases.png"])
def test_a_link_laid_out_for_a_draft_or_in_a_file_s_place_is_not_written_through(
    name: str, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = Folder(tmp_path / "run")
    folder.path.mkdir()
    for laid in (name, f".{name}.draft", f".{name}.tmp"):
        (folder.path / laid).symlink_to(victim)
    folder.write(name, b"theirs")
    assert victim.read_bytes() == b"mine"
    assert (folder.path / name).read_bytes() == b"theirs"
    assert not (folder.path / name).is_symlink()


def test_a_log_that_is_a_link_is_not_appended_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / LOG).symlink_to(victim)
    with pytest.raises(StoreError, match="writing"):
        Folder(tmp_path).append({"step": 1})
    assert victim.read_bytes() == b"mine"


def test_a_lock_that_is_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / ".lock").symlink_to(victim)
    with pytest.raises(StoreError), Folder(tmp_path).hold_lock():
        pass
    assert victim.read_bytes() == b"mine"


def test_new_files_have_the_rights_that_the_user_s_mask_gives(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        disk.write_file(tmp_path / "it", b"")
    finally:
        os.umask(old)
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "use",
    [
        lambda path: disk.read_file(path, 64),
        lambda path: disk.read_tail(path, 64),
        lambda path: disk.append_bytes(path, b"theirs"),
        disk.sync_file,
    ],
    ids=["read", "tail", "append", "sync"],
)
@pytest.mark.parametrize("lay", [os.mkfifo, lambda path: path.symlink_to("victim")], ids=["pipe", "link"])
@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for_and_a_link_not_followed(
    lay: Callable[[Path], None], use: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    lay(tmp_path / "it")
    with pytest.raises(StoreError):
        use(tmp_path / "it")
    assert (tmp_path / "victim").read_bytes() == b"mine"


@pytest.mark.parametrize("lay", [os.mkfifo, lambda path: path.symlink_to("victim")], ids=["pipe", "link"])
@pytest.mark.timeout(20)
def test_what_is_written_as_it_comes_takes_the_place_of_a_pipe_or_link(
    lay: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    lay(tmp_path / "it")
    with disk.create_file(tmp_path / "it") as file:
        file.write(b"theirs")
    assert (tmp_path / "it").read_bytes() == b"theirs"
    assert (tmp_path / "victim").read_bytes() == b"mine"
