"""A case is one change of what a user has, asked for before it, after it, and once it is undone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from conftest import install

from changes.ask import SITE, Asker, ask_anew
from changes.records import write_record
from changes.tiny import ASKED, FILES

Expect = Literal["anew", "reuse", "outside"]
Edit = tuple[str, str] | str | None
"""Old and new text within a file, the whole new text, or None: the file is removed."""
Outcome = Literal["anew", "reused", "stale", "needless", "lost", "equal"]
DISTRIBUTION = "user-pack"


@dataclass(frozen=True)
class Case:
    """One change.

    expect: "anew" where what is asked differs after it, "reuse" where the change is harmless, "outside" where it
    differs in what the replay does not promise to see; why: the reason. files: beside those of `tiny`. edits: what
    changes of the files. asked, asked_after: words besides those of `tiny`. env, argv: before and after; in a
    value `{work}` is the folder. package: the entry points of a package in the folder `site`. released: it has a
    RECORD with true hashes, before and after. anew_process: each ask starts a new interpreter. repeats: whether
    the run can be found again once the change is undone. differs: whether what comes of it is another result.
    """

    name: str
    kind: str
    expect: Expect
    files: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    asked_after: Mapping[str, Any] = field(default_factory=dict)
    env: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    argv: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    package: Mapping[str, str] = field(default_factory=dict)
    released: bool = False
    anew_process: bool = False
    repeats: bool = True
    differs: bool = True
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class Found:
    """What came of a case; said: what to know of it."""

    case: Case
    outcome: Outcome
    said: str = ""

    @property
    def as_expected(self) -> bool:
        """Return whether the outcome is the one that the case expects."""
        wanted = {"anew": "anew", "reuse": "reused", "outside": "stale"}
        return self.outcome == wanted[self.case.expect]


def try_case(case: Case, work: Path, asker: Asker) -> Found:
    """Ask before the change, after it and once it is undone, and say what came of it."""

    def ask(after: bool, **besides: Any) -> dict[str, Any]:
        words = {**ASKED, **case.asked, **(case.asked_after if after else {}), **besides}
        words = {name: value.format(work=work, pin=pin_of(work)) for name, value in words.items()}
        env = {name: value.format(work=work) for name, value in case.env[after].items()}
        given = {"work": str(work / words.pop("where", "")), "asked": words, "argv": case.argv[after]}
        found = ask_anew(env, **given) if case.anew_process else asker.ask(**given, env=env)
        if "error" in found:
            raise AssertionError(f"{case}, {'after' if after else 'before'}: {found['error']}")
        return found

    lay_out(case, work)
    before = ask(False)
    assert before["unrepeatable"] == "" or not case.repeats, before["unrepeatable"]
    texts = {name: read(work / name) for name in case.edits}
    for name, edit in case.edits.items():
        change(work / name, edit)
    seal(case, work)
    after = ask(True)
    said = "; ".join(after["said"])
    served = after["stamp"] == before["stamp"]
    fresh = ask(True, store="store-of-its-own")
    differs = json.dumps(fresh["facts"]) != json.dumps(before["facts"])
    for name, text in texts.items():
        change(work / name, text)
    seal(case, work)
    again = ask(False)
    if case.expect == "reuse":
        return Found(case, "reused" if served else "needless", said)
    if differs != case.differs:
        return Found(case, "equal", "what is trained after the change is what was trained before it")
    if served:
        return Found(case, "stale", f"{before['facts']['metrics']} served, {fresh['facts']['metrics']} now")
    if json.dumps(after["facts"]) != json.dumps(fresh["facts"]) and case.repeats:
        return Found(case, "stale", f"{after['facts']['metrics']}, and {fresh['facts']['metrics']} alone")
    if (again["stamp"] == before["stamp"]) != case.repeats:
        return Found(case, "lost", f"undone, the first run is not found again: {'; '.join(again['said'])}")
    return Found(case, "anew", said)


def lay_out(case: Case, work: Path) -> None:
    """Write the files of a case as they are before the change."""
    for name, text in {**FILES, **case.files}.items():
        change(work / name, text)
    if case.package:
        install(work / SITE, DISTRIBUTION, case.package, {})
    seal(case, work)


def seal(case: Case, work: Path) -> None:
    """Write the RECORD of a released package."""
    if case.released:
        for info in sorted((work / SITE).glob("*.dist-info")):
            write_record(work / SITE, info)


def pin_of(work: Path) -> str:
    """Return what a file term of sub/net.py is pinned by."""
    path = work / "sub" / "net.py"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def read(path: Path) -> str | None:
    """Return a file's text, None where there is none."""
    return path.read_text() if path.exists() else None


def change(path: Path, edit: Edit) -> None:
    """Change a file."""
    if edit is None:
        path.unlink()
        return
    if isinstance(edit, tuple):
        old, new = edit
        text = path.read_text()
        assert old in text, f"{path.name} has no {old!r}"
        edit = text.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(edit)
