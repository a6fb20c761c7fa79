"""What is guarded: the card of eight structures fits a terminal of 80 columns, and nothing is cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment
from stores import real

from probekit.storage.store import Store

EIGHT = (
    "unet", "unet+average", "unet+lambda", "unet+lambda+pe", "unet+lambda(heads=2)", "unet+global-context",
    "unet+lambda-tt", "unet+transformer(heads=2)",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return real(tmp_path_factory.mktemp("store"), EIGHT)


def on_a_terminal(*words: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "probekit", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(None, {"COLUMNS": "80", "TERM": "xterm-256color"}),
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                more = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            said += more
        assert process.wait() == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()).replace("\r\n", "\n")


@pytest.mark.slow
def test_eight_structures_fit_80_columns_and_no_name_is_cut(store: Store, tmp_path: Path) -> None:
    out = on_a_terminal("card", "--store", str(store.root))
    tables = [line for line in out.splitlines() if line.startswith("  ") and "  " in line.strip()]
    assert tables
    assert "…" not in out
    wide = [line for line in out.splitlines() if len(line) > 80 and not line.lstrip().startswith("probekit")]
    assert wide == []
    joined = re.sub(r"\s+", "", out)
    for name in EIGHT:
        assert name in joined
        assert f"{name}: nonlocality: undecided at smoke." in " ".join(out.split())
