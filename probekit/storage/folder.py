"""A folder holds one run: each file is written whole or not at all, and checked when it is read."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probekit.catalog.grammar import quoted
from probekit.errors import StoreError, explain_refusal, is_starved
from probekit.plans.finite import as_json
from probekit.plans.plan import Plan
from probekit.storage import disk
from probekit.storage.claim import Claim, claimed
from probekit.storage.disk import ANEW
from probekit.storage.result import FORMAT, Result
from probekit.storage.sealed import DIGEST, Broken, parse, seal, seal_tensors, unseal, unseal_tensors

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
SCORES, MEASURED, CASES = "scores.safetensors", "measured.safetensors", "cases.png"
ANSWERS, BEHAVIOUR = "answers.safetensors", "behaviour.json"
SPEC, RESULT, LOG, CHECKPOINT = "spec.json", "result.json", "log.jsonl", "checkpoint.safetensors"
OF_A_RUN = frozenset({SPEC, RESULT, LOG, CHECKPOINT})
"""What a folder holds one of, or it is no run's."""
MOST_JSON, MOST_LOG, MOST = 16 << 20, 256 << 20, 8 << 30
"""Bytes that a file of JSON, a log and any file may have at the most."""
LONGEST_NAME = 255
"""Bytes of a file's name."""


class Folder:
    """One run's folder: spec, log and checkpoint; once done, result, scores, weights and a picture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.claim: Claim | None = None

    @contextlib.contextmanager
    def claimed(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the folder alone, as `claim.claimed` says; a write is refused once the hold is lost."""
        with claimed(self.path, waiting) as claim:
            self.claim = claim
            try:
                yield
            finally:
                self.claim = None

    def held(self) -> None:
        """Raise StoreError where this process held the folder and holds it no more."""
        if self.claim is not None:
            self.claim.check()

    def write(self, name: str, content: bytes) -> str:
        """Write a file whole or not at all; return its sha256. Raises StoreError where the disk refuses, or
        another process took the folder over."""
        self.held()
        disk.write(self.path / name, content)
        return hashlib.sha256(content).hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        disk.remove(self.path / name)

    def write_json(self, name: str, fields: Mapping[str, Any]) -> str:
        """Write JSON with a digest of itself, so that an edited one is noticed; return the file's sha256."""
        return self.write(name, seal(fields))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read what write_json wrote; raises StoreError where it is missing, edited or foreign."""
        with self._reading(name):
            return unseal(parse(disk.read(self.path / name, MOST_JSON)))

    def write_spec(self, plan: Plan) -> None:
        """Store the plan, with a digest of itself."""
        self.write_json(SPEC, plan.model_dump(mode="json"))

    def read_spec(self) -> Plan:
        """Read the plan. Raises StoreError where it is missing, edited or foreign."""
        return plan_in(self.path / SPEC)

    def hold_spec(self, plan: Plan) -> None:
        """Raise StoreError where the folder's plan is lost, or another than this."""
        if self.read_spec().identity != plan.identity:
            raise StoreError(f"going on in {self.path}", f"its {SPEC} is of another run", ANEW)

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
    ) -> str:
        """Write tensors and JSON about them, with a digest of both; return the file's sha256."""
        try:
            content = seal_tensors(tensors, about or {})
        except (MemoryError, RuntimeError) as error:
            if not is_starved(error):
                raise
            raise disk.refused(self.path / name, error) from error
        return self.write(name, content)

    def read_tensors(
        self, name: str, result: Result | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Read what write_tensors wrote, as the result says it was stored, or as its own digest says.

        Raises StoreError where it is missing, truncated, edited or foreign.
        """
        content = self.read(name, result) if result else disk.read(self.path / name, MOST)
        with self._reading(name):
            return unseal_tensors(content, checked=result is not None)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Raise StoreError where what was read is broken."""
        try:
            yield
        except Broken as error:
            raise StoreError(f"reading {self.path / name}", str(error), ANEW) from error
        except (MemoryError, RuntimeError) as error:
            if not is_starved(error):
                raise
            raise StoreError(f"reading {self.path / name}", *explain_refusal(error, ANEW)) from error

    def append(self, row: Mapping[str, float]) -> None:
        """Append a row to the log. Raises StoreError where the disk does not take it."""
        self.held()
        disk.append(self.path / LOG, (as_json(row) + "\n").encode())

    def log(self, rows: int | None = None) -> bytes:
        """Return the log's first rows, by default all. Raises StoreError where it has fewer."""
        path = self.path / LOG
        lines = disk.read(path, MOST_LOG).splitlines(keepends=True) if path.exists() else []
        if rows is not None and sum(line.endswith(b"\n") for line in lines[:rows]) < rows:
            raise StoreError(f"reading {path}", f"it has fewer than the {rows} rows that were written", ANEW)
        return b"".join(lines[:rows])

    def sync_log(self) -> str:
        """See to it that what was appended outlives a loss of power; return the log's sha256."""
        if (self.path / LOG).exists():
            disk.sync(self.path / LOG)
        return hashlib.sha256(self.log()).hexdigest()

    def cut_log(self, rows: int, digest: str) -> None:
        """Keep the log's first rows: what follows was written after the checkpoint and will be written again.

        Raises StoreError where they are not those whose sha256 the checkpoint kept.
        """
        kept = self.log(rows)
        if hashlib.sha256(kept).hexdigest() != digest:
            found = f"one of its first {rows} rows was changed after it was written"
            raise StoreError(f"reading {self.path / LOG}", found, ANEW)
        self.write(LOG, kept)

    def write_result(self, result: Result) -> None:
        """Store a result with a digest of itself, so that an edited one is noticed."""
        self.write_json(RESULT, result.model_dump(mode="json"))

    def read_result(self) -> Result:
        """Read the result. Raises StoreError where it is missing, edited, foreign or of a newer probekit."""
        asked = f"reading {self.path / RESULT}"
        try:
            with self._reading(RESULT):
                fields = parse(disk.read(self.path / RESULT, MOST_JSON))
                form = fields.get("format")
                if isinstance(form, int) and form > FORMAT:
                    found = f"a newer probekit wrote it (format {form}, this one reads {FORMAT})"
                    raise StoreError(
                        asked, found, "Upgrade probekit, or name another place with --store DIR."
                    )
                return Result.model_validate(unseal(fields))
        except ValidationError as error:
            raise StoreError(asked, f"it is no whole result ({error.error_count()} faults)", ANEW) from error

    def is_done(self) -> bool:
        """Return whether the folder holds the result of a run that did not fail."""
        return (self.path / RESULT).is_file() and self.read_result().status == "done"

    def check_files(self, result: Result, but: str = "") -> None:
        """Raise StoreError where a file the result names is missing or not as it was stored.

        but: one that is checked where it is read, as it is large.
        """
        for name in result.files:
            if name != but:
                self.read(name, result)

    def read(self, name: str, result: Result) -> bytes:
        """Return a file of the result. Raises StoreError where it is missing or not as it was stored."""
        if not is_file_name(name):
            raise StoreError(f"reading {self.path}", f"{quoted(name)} names no file within it", ANEW)
        content = disk.read(self.path / name, MOST)
        if hashlib.sha256(content).hexdigest() != result.files.get(name):
            raise StoreError(
                f"reading {self.path / name}", f"{name} is truncated or was changed after it was stored", ANEW
            )
        return content


def is_file_name(text: str) -> bool:
    """Tell whether a stored text can name a file within a folder: printable, of one part, of 255 bytes."""
    one_part = text not in ("", ".", "..") and "/" not in text
    return one_part and text.isprintable() and len(text.encode()) <= LONGEST_NAME


def plan_in(path: Path) -> Plan:
    """Read a plan that was stored. Raises StoreError where it is missing, edited or foreign.

    One of version 0.1.0 carries no digest.
    """
    asked = f"reading {path}"
    try:
        fields = parse(disk.read(path, MOST_JSON))
        older = DIGEST not in fields and fields.keys() <= Plan.model_fields.keys()
        return Plan.model_validate(fields if older else unseal(fields))
    except Broken as error:
        raise StoreError(asked, str(error), ANEW) from error
    except ValidationError as error:
        raise StoreError(asked, f"it is no specification ({error.error_count()} faults)", ANEW) from error
