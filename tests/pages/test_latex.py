"""What is guarded: the LaTeX of a card is a table, and a stranger's name is text in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small import call
from stores import card_of, put

from probekit.pages.latex import SPECIAL, card_to_latex, escape_latex
from probekit.storage.store import Store

HOSTILE = r"\input{/etc/passwd} 50% $x_1$ & #~^ {a}"


def test_special_characters_are_escaped() -> None:
    assert escape_latex("50% of a_b & c") == r"50\% of a\_b \& c"
    assert r"\input" not in escape_latex(HOSTILE)
    assert set(SPECIAL) >= set("\\%$&#_{}~^")


def test_a_card_is_one_table(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5})
    put(store, "unet+average", {0: 0.7})
    text = card_to_latex(card_of(store))
    assert text.count(r"\begin{tabular}{ll}") == text.count(r"\end{tabular}") == 1
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert [len(re.split(r"(?<!\\)&", row)) for row in rows] == [2, 2, 2]
    assert [row.split(" & ")[0] for row in rows] == ["structure", "unet", "unet+average"]


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "card.tex"
    words = ("recall(test=16,train=32,validation=8)", "-s", "gru", "--scale", "smoke")
    assert call(capsys, "run", *words, "--store", str(tmp_path / "runs"))[0] == 0
    assert call(capsys, "card", "--latex", str(path), "--store", str(tmp_path / "runs"))[0] == 0
    assert r"\toprule" in path.read_text()
