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
ITEMS = "items.safetensors"
"""Test items with the answers that pages draw."""
SPEC, RESULT, LOG, CHECKPOINT = "spec.json", "result.json", "log.jsonl", "checkpoint.safetensors"
OF_A_RUN = frozenset({SPEC, RESULT, LOG, CHECKPOINT})
"""A run's folder holds at least one of these."""
MAX_JSON, MAX_LOG, MOST = 16 << 20, 256 << 20, 8 << 30
"""The largest JSON file, log and file of any kind, in bytes."""
MAX_NAME = 255
"""Bytes of a file's name."""


class Folder:
    """One run's folder: spec, log and checkpoint; once done, result, scores, weights and a picture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_lock: Claim | None = None

    @contextlib.contextmanager
    def claimed(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the folder's lock, as `lock_folder` does; writes are refused once the lock is lost."""
        with claimed(self.path, waiting) as lock:
            self.run_lock = lock
            try:
                yield
            finally:
                self.run_lock = None

    def check_lock(self) -> None:
        """Raise StoreError if this process has lost its lock on the folder."""
        if self.run_lock is not None:
            self.run_lock.check_lease()

    def write(self, name: str, content: bytes) -> str:
        """Write a file whole or not at all and return its sha256.

        Raises:
            StoreError: The disk refuses, or another process took over the folder.
        """
        self.check_lock()
        disk.write(self.path / name, content)
        return hashlib.sha256(content).hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        disk.remove(self.path / name)

    def write_json(self, name: str, fields: Mapping[str, Any]) -> str:
        """Write JSON with a checksum; return the file's sha256."""
        return self.write(name, seal(fields))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read what `write_json` wrote; raises StoreError if it is missing, edited or foreign."""
        with self._explain_corruption(name):
            return unseal(parse(disk.read(self.path / name, MAX_JSON)))

    def write_spec(self, plan: Plan) -> None:
        """Store the plan."""
        self.write_json(SPEC, plan.model_dump(mode="json"))

    def read_spec(self) -> Plan:
        """Read the plan; raises StoreError if it is missing, edited or foreign."""
        return plan_in(self.path / SPEC)

    def hold_spec(self, plan: Plan) -> None:
        """Raise StoreError if the folder's plan is missing or another than this."""
        if self.read_spec().identity != plan.identity:
            raise StoreError(f"going on in {self.path}", f"its {SPEC} is of another run", ANEW)

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
    ) -> str:
        """Write tensors and JSON about them with a checksum; return the file's sha256."""
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
        """Read what `write_tensors` wrote.

        Args:
            name: The file.
            result: The result that holds the file's sha256; None to check the file's own checksum.

        Raises:
            StoreError: The file is missing, truncated, edited or foreign.
        """
        content = self.read(name, result) if result else disk.read(self.path / name, MOST)
        with self._explain_corruption(name):
            return unseal_tensors(content, checked=result is not None)

    @contextlib.contextmanager
    def _explain_corruption(self, name: str) -> Iterator[None]:
        """Raise StoreError for a corrupt file and for a lack of memory."""
        try:
            yield
        except Broken as error:
            raise StoreError(f"reading {self.path / name}", str(error), ANEW) from error
        except (MemoryError, RuntimeError) as error:
            if not is_starved(error):
                raise
            raise StoreError(f"reading {self.path / name}", *explain_refusal(error, ANEW)) from error

    def append(self, row: Mapping[str, float]) -> None:
        """Append a row to the log; raises StoreError if the disk refuses."""
        self.check_lock()
        disk.append(self.path / LOG, (as_json(row) + "\n").encode())

    def log(self, rows: int | None = None) -> bytes:
        """Return the log's first rows, by default all; raises StoreError if it has fewer."""
        path = self.path / LOG
        lines = disk.read(path, MAX_LOG).splitlines(keepends=True) if path.exists() else []
        if rows is not None and sum(line.endswith(b"\n") for line in lines[:rows]) < rows:
            raise StoreError(f"reading {path}", f"it has fewer than the {rows} rows that were written", ANEW)
        return b"".join(lines[:rows])

    def sync_log(self) -> str:
        """Flush the log to disk, so that it survives a power loss; return its sha256."""
        if (self.path / LOG).exists():
            disk.sync(self.path / LOG)
        return hashlib.sha256(self.log()).hexdigest()

    def cut_log(self, rows: int, digest: str) -> None:
        """Cut the log to its first rows, as the rows after a checkpoint will be written again.

        Raises:
            StoreError: The rows do not have the sha256 in the checkpoint.
        """
        content = self.log(rows)
        if hashlib.sha256(content).hexdigest() != digest:
            problem = f"one of its first {rows} rows was changed after it was written"
            raise StoreError(f"reading {self.path / LOG}", problem, ANEW)
        self.write(LOG, content)

    def write_result(self, result: Result) -> None:
        """Store a result."""
        self.write_json(RESULT, result.model_dump(mode="json"))

    def read_result(self) -> Result:
        """Read the result; raises StoreError if it is missing, edited, foreign or of a newer probekit."""
        request = f"reading {self.path / RESULT}"
        try:
            with self._explain_corruption(RESULT):
                fields = parse(disk.read(self.path / RESULT, MAX_JSON))
                version = fields.get("format")
                if isinstance(version, int) and version > FORMAT:
                    problem = f"a newer probekit wrote it (format {version}, this one reads {FORMAT})"
                    hint = "Upgrade probekit, or name another folder with --store DIR."
                    raise StoreError(request, problem, hint)
                return Result.model_validate(unseal(fields))
        except ValidationError as error:
            problem = f"it is not a valid result ({error.error_count()} errors)"
            raise StoreError(request, problem, ANEW) from error

    def is_done(self) -> bool:
        """Return whether the folder holds the result of a run that did not fail."""
        return (self.path / RESULT).is_file() and self.read_result().status == "done"

    def check_files(self, result: Result, but: str = "") -> None:
        """Raise StoreError if a file of the result is missing or not as it was stored.

        Args:
            result: The result.
            but: A large file to skip, as the caller checks it later.
        """
        for name in result.files:
            if name != but:
                self.read(name, result)

    def read(self, name: str, result: Result) -> bytes:
        """Return a file of the result; raises StoreError if it is missing or not as it was stored."""
        if not is_file_name(name):
            raise StoreError(f"reading {self.path}", f"{quoted(name)} names no file within it", ANEW)
        content = disk.read(self.path / name, MOST)
        if hashlib.sha256(content).hexdigest() != result.files.get(name):
            problem = f"{name} is truncated or was changed after it was stored"
            raise StoreError(f"reading {self.path / name}", problem, ANEW)
        return content


def is_file_name(text: str) -> bool:
    """Return whether a stored text can name a file in a folder: printable, one part, at most 255 bytes."""
    is_one_part = text not in ("", ".", "..") and "/" not in text
    return is_one_part and text.isprintable() and len(text.encode()) <= MAX_NAME


def plan_in(path: Path) -> Plan:
    """Read a stored plan; one of version 0.1.0 carries no checksum.

    Raises:
        StoreError: It is missing, edited or foreign.
    """
    request = f"reading {path}"
    try:
        fields = parse(disk.read(path, MAX_JSON))
        is_old = DIGEST not in fields and fields.keys() <= Plan.model_fields.keys()
        return Plan.model_validate(fields if is_old else unseal(fields))
    except Broken as error:
        raise StoreError(request, str(error), ANEW) from error
    except ValidationError as error:
        problem = f"it is not a valid specification ({error.error_count()} errors)"
        raise StoreError(request, problem, ANEW) from error
