"""A folder holds one run: each file is written whole or not at all, and checked when it is read."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probekit.catalog.grammar import quote_excerpt
from probekit.plans.finite import to_json
from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError, explain_os_error, is_out_of_memory
from probekit.storage import disk
from probekit.storage.checksum import (
    DIGEST,
    CorruptFile,
    decode_tensors,
    encode_json,
    encode_tensors,
    parse_json,
    verify_checksum,
)
from probekit.storage.disk import FORCE_HINT
from probekit.storage.lock import RunLock, lock_folder
from probekit.storage.result import FORMAT, Result

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
SCORES, MEASURED, CASES = "scores.safetensors", "measured.safetensors", "cases.png"
ANSWERS, BEHAVIOUR = "answers.safetensors", "behaviour.json"
ITEMS = "items.safetensors"
"""Test items with the answers that pages draw."""
SPEC, RESULT, LOG, CHECKPOINT = "spec.json", "result.json", "log.jsonl", "checkpoint.safetensors"
RUN_FILES = frozenset({SPEC, RESULT, LOG, CHECKPOINT})
"""A run's folder holds at least one of these."""
MAX_JSON, MAX_LOG, MAX_FILE = 16 << 20, 256 << 20, 8 << 30
"""The largest JSON file, log and file of any kind, in bytes."""
MAX_NAME = 255
"""Bytes of a file's name."""


class Folder:
    """One run's folder: spec, log and checkpoint; once done, result, scores, weights and a picture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_lock: RunLock | None = None

    @contextlib.contextmanager
    def hold_lock(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the folder's lock, as `lock_folder` does; writes are refused once the lock is lost."""
        with lock_folder(self.path, waiting) as lock:
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
        disk.write_file(self.path / name, content)
        return hashlib.sha256(content).hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        disk.remove_file(self.path / name)

    def write_json(self, name: str, fields: Mapping[str, Any]) -> str:
        """Write JSON with a checksum; return the file's sha256."""
        return self.write(name, encode_json(fields))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read what `write_json` wrote; raises StoreError if it is missing, edited or foreign."""
        with self._explain_corruption(name):
            return verify_checksum(parse_json(disk.read_file(self.path / name, MAX_JSON)))

    def write_spec(self, plan: Plan) -> None:
        """Store the plan."""
        self.write_json(SPEC, plan.model_dump(mode="json"))

    def read_spec(self) -> Plan:
        """Read the plan; raises StoreError if it is missing, edited or foreign."""
        return read_plan(self.path / SPEC)

    def check_spec(self, plan: Plan) -> None:
        """Raise StoreError if the folder's plan is missing or another than this."""
        if self.read_spec().identity != plan.identity:
            raise StoreError(f"resuming {self.path}", f"its {SPEC} belongs to another run", FORCE_HINT)

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
    ) -> str:
        """Write tensors and JSON about them with a checksum; return the file's sha256."""
        try:
            content = encode_tensors(tensors, about or {})
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise disk.explain_write_error(self.path / name, error) from error
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
        content = self.read(name, result) if result else disk.read_file(self.path / name, MAX_FILE)
        with self._explain_corruption(name):
            return decode_tensors(content, checked=result is not None)

    @contextlib.contextmanager
    def _explain_corruption(self, name: str) -> Iterator[None]:
        """Raise StoreError for a corrupt file and for a lack of memory."""
        try:
            yield
        except CorruptFile as error:
            raise StoreError(f"reading {self.path / name}", str(error), FORCE_HINT) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise StoreError(f"reading {self.path / name}", *explain_os_error(error, FORCE_HINT)) from error

    def append(self, row: Mapping[str, float]) -> None:
        """Append a row to the log; raises StoreError if the disk refuses."""
        self.check_lock()
        disk.append_bytes(self.path / LOG, (to_json(row) + "\n").encode())

    def log(self, rows: int | None = None) -> bytes:
        """Return the log's first rows, by default all; raises StoreError if it has fewer."""
        path = self.path / LOG
        lines = disk.read_file(path, MAX_LOG).splitlines(keepends=True) if path.exists() else []
        if rows is not None and sum(line.endswith(b"\n") for line in lines[:rows]) < rows:
            raise StoreError(
                f"reading {path}", f"it has fewer than the {rows} rows that were written", FORCE_HINT
            )
        return b"".join(lines[:rows])

    def sync_log(self) -> str:
        """Flush the log to disk, so that it survives a power loss; return its sha256."""
        if (self.path / LOG).exists():
            disk.sync_file(self.path / LOG)
        return hashlib.sha256(self.log()).hexdigest()

    def cut_log(self, rows: int, digest: str) -> None:
        """Cut the log to its first rows, as the rows after a checkpoint will be written again.

        Raises:
            StoreError: The rows do not have the sha256 in the checkpoint.
        """
        content = self.log(rows)
        if hashlib.sha256(content).hexdigest() != digest:
            problem = f"one of its first {rows} rows was changed after it was written"
            raise StoreError(f"reading {self.path / LOG}", problem, FORCE_HINT)
        self.write(LOG, content)

    def write_result(self, result: Result) -> None:
        """Store a result."""
        self.write_json(RESULT, result.model_dump(mode="json"))

    def read_result(self) -> Result:
        """Read the result; raises StoreError if it is missing, edited, foreign or of a newer probekit."""
        request = f"reading {self.path / RESULT}"
        try:
            with self._explain_corruption(RESULT):
                fields = parse_json(disk.read_file(self.path / RESULT, MAX_JSON))
                version = fields.get("format")
                if isinstance(version, int) and version > FORMAT:
                    problem = f"a newer probekit wrote it (format {version}, this one reads {FORMAT})"
                    hint = "Upgrade probekit, or name another folder with --store DIR."
                    raise StoreError(request, problem, hint)
                return Result.model_validate(verify_checksum(fields))
        except ValidationError as error:
            problem = f"it is not a valid result ({error.error_count()} errors)"
            raise StoreError(request, problem, FORCE_HINT) from error

    def is_done(self) -> bool:
        """Return whether the folder holds the result of a run that did not fail."""
        return (self.path / RESULT).is_file() and self.read_result().status == "done"

    def check_files(self, result: Result, skip: str = "") -> None:
        """Raise StoreError if a file of the result is missing or not as it was stored.

        Args:
            result: The result.
            skip: A large file to skip, as the caller checks it later.
        """
        for name in result.files:
            if name != skip:
                self.read(name, result)

    def read(self, name: str, result: Result) -> bytes:
        """Return a file of the result; raises StoreError if it is missing or not as it was stored."""
        if not is_file_name(name):
            raise StoreError(
                f"reading {self.path}", f"{quote_excerpt(name)} names no file within it", FORCE_HINT
            )
        content = disk.read_file(self.path / name, MAX_FILE)
        if hashlib.sha256(content).hexdigest() != result.files.get(name):
            problem = f"{name} is truncated or was changed after it was stored"
            raise StoreError(f"reading {self.path / name}", problem, FORCE_HINT)
        return content


def is_file_name(text: str) -> bool:
    """Return whether a stored text can name a file in a folder: printable, one part, at most 255 bytes."""
    is_one_part = text not in ("", ".", "..") and "/" not in text
    return is_one_part and text.isprintable() and len(text.encode()) <= MAX_NAME


def read_plan(path: Path) -> Plan:
    """Read a stored plan; one of version 0.1.0 carries no checksum.

    Raises:
        StoreError: It is missing, edited or foreign.
    """
    request = f"reading {path}"
    try:
        fields = parse_json(disk.read_file(path, MAX_JSON))
        is_old = DIGEST not in fields and fields.keys() <= Plan.model_fields.keys()
        return Plan.model_validate(fields if is_old else verify_checksum(fields))
    except CorruptFile as error:
        raise StoreError(request, str(error), FORCE_HINT) from error
    except ValidationError as error:
        problem = f"it is not a valid specification ({error.error_count()} errors)"
        raise StoreError(request, problem, FORCE_HINT) from error
