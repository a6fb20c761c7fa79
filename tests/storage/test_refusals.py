"""What is guarded: what disk or memory refuse is said in a sentence of its own, with what to do next."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from begun import begin, words
from conftest import environment
from small import planned, rows

from probekit.plugin.errors import StoreError
from probekit.storage import disk
from probekit.storage.folder import LOG, RESULT, SPEC, Folder
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
LONG = "n" * 260
TOO_LONG = "the name is too long: a file system allows 255 bytes per name"
MANY = "this process has too many open files. Raise the limit (`ulimit -n 4096`)"
GONE = "its folder is gone; it was moved or deleted in the meantime. Put it back"
STARVED = "there is not enough memory. Close other programs"

USES: dict[str, Callable[[Path], object]] = {
    "read": lambda folder: disk.read_file(folder / SPEC, 1 << 20),
    "tail": lambda folder: disk.read_tail(folder / LOG, 64),
    "write": lambda folder: disk.write_file(folder / RESULT, b"{}"),
    "append": lambda folder: Folder(folder).append({"step": 1}),
    "sync": lambda folder: disk.sync_file(folder / LOG),
    "copy": lambda folder: disk.copy_file(folder / SPEC, folder / "copy"),
    "claim": lambda folder: Folder(folder).hold_lock().__enter__(),
}


def laid(store: Path) -> Path:
    """Lay a run that has begun."""
    folder = Store(store).new_run(planned())
    folder.append({"step": 0})
    return folder.path


def crowded(use: Callable[[], object]) -> str:
    """Use the disk in a process of its own that may open no file more; return what is said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            handles = []
            try:
                while True:
                    handles.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                pass
            try:
                use()
                said = "nothing was refused"
            except StoreError as error:
                said = str(error)
            except BaseException as error:
                said = f"{type(error).__name__} {error}"
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as told:
        said = told.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_too_many_open_files_are_said(use: Callable[[Path], object], tmp_path: Path) -> None:
    folder = laid(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert MANY in crowded(lambda: use(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == before


@pytest.mark.parametrize("asked", ["newest_run", "new_run", "newest_or_new_run", "find"])
def test_a_store_that_cannot_be_looked_into_begins_no_run_anew(asked: str, tmp_path: Path) -> None:
    """A run that is not seen would be begun again in its own folder, and its log cut."""
    folder = laid(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert MANY in crowded(lambda: getattr(Store(tmp_path), asked)(planned()))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_folder_that_was_deleted_meanwhile_is_said(use: Callable[[Path], object], tmp_path: Path) -> None:
    folder = laid(tmp_path)
    shutil.rmtree(folder)
    with pytest.raises(StoreError) as found:
        use(folder)
    assert GONE in str(found.value)
    assert not folder.exists()


def test_a_store_that_is_deleted_during_a_run_ends_it_with_1_and_a_sentence(tmp_path: Path) -> None:
    store = tmp_path / "store"
    process = begin(store, words("unet", 200))
    while process.poll() is None and rows(store) < 3:
        time.sleep(0.01)
    store.rename(tmp_path / "elsewhere")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert GONE in " ".join(said.split())
    assert "Traceback" not in said
    assert not list(store.glob("*/*"))


STARVING = """
import resource, sys
from pathlib import Path
import torch
from safetensors.torch import save
from probekit.plugin.errors import StoreError
from probekit.storage.folder import Folder
from probekit.storage import disk
tensors = {{"a": torch.zeros(60_000_000)}}
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (100 << 20), -1))
try:
    {use}
except StoreError as error:
    print(error)
"""
STARVED_USES = {
    "read": "disk.read_file(Path({path!r}), 8 << 30)",
    "read tensors": "Folder(Path({path!r}).parent).read_tensors(Path({path!r}).name)",
    "write tensors": "Folder(Path({path!r}).parent).write_tensors('it', tensors)",
}


@pytest.mark.parametrize("use", STARVED_USES.values(), ids=STARVED_USES.keys())
def test_memory_that_does_not_suffice_is_said(use: str, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    program = STARVING.format(use=use.format(path=str(large)))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(None, {})
    )
    assert STARVED in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["large"]


def test_little_memory_is_enough_for_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"content")
    program = STARVING.format(use=f"print(disk.read_file(Path({str(tmp_path / 'small')!r}), 8 << 30))")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(None, {})
    )
    assert done.stdout.strip() == "b'content'", done.stderr
