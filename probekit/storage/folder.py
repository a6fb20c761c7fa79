"""A folder holds one run: each file is written whole or not at all, and checked when it is read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probekit.errors import StoreError
from probekit.storage.result import FORMAT, Result

if TYPE_CHECKING:
    from torch import Tensor

SPEC, RESULT, LOG = "spec.json", "result.json", "log.jsonl"
ANEW = "Type --force to run anew beside it; nothing is deleted."
ROOM = "Make room, or name another place with --store DIR; the same command then goes on."


class Folder:
    """One run's folder: spec, log and checkpoint; once done, result, scores, weights and a picture."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: bytes) -> str:
        """Write a file whole or not at all; return its sha256. Raises StoreError where the disk refuses."""
        target, draft = self.path / name, self.path / f".{name}.draft"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise StoreError(f"writing {target}", error.strerror or str(error), ROOM) from error
        return hashlib.sha256(content).hexdigest()

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
    ) -> str:
        """Write tensors, with JSON beside them in the header, as safetensors; return the file's sha256."""
        import torch
        from safetensors.torch import save

        # cloned, as weights tied to each other share their memory, which safetensors refuses
        plain = {
            key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for key, value in tensors.items()
        }
        return self.write(name, save(plain, metadata={"probekit": json.dumps(about or {})}))

    def read_tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Read what write_tensors wrote. Raises StoreError where it is missing, truncated or foreign."""
        from safetensors import SafetensorError, safe_open

        path = self.path / name
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["probekit"])
                return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise StoreError(f"reading {path}", f"it is not whole ({error})", ANEW) from error

    def append(self, row: Mapping[str, float]) -> None:
        """Append a row to the log. Raises StoreError where the disk does not take it."""
        path = self.path / LOG
        try:
            with path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
        except OSError as error:
            raise StoreError(f"writing {path}", error.strerror or str(error), ROOM) from error

    def sync_log(self) -> None:
        """See to it that what was appended outlives a loss of power."""
        with (self.path / LOG).open("a") as log:
            os.fsync(log.fileno())

    def cut_log(self, rows: int) -> None:
        """Keep the log's first rows: what follows was written after the checkpoint and will be written again.

        Raises StoreError where the log has fewer.
        """
        path = self.path / LOG
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if sum(line.endswith(b"\n") for line in lines) < rows:
            raise StoreError(f"reading {path}", f"it has fewer than the {rows} rows that were written", ANEW)
        self.write(LOG, b"".join(lines[:rows]))

    def write_result(self, result: Result) -> None:
        """Store a result with a digest of itself, so that an edited one is noticed."""
        fields = result.model_dump(mode="json")
        self.write(RESULT, json.dumps({**fields, "digest": digest(fields)}, indent=1).encode())

    def read_result(self) -> Result:
        """Read the result. Raises StoreError where it is missing, edited, foreign or of a newer probekit."""
        path = self.path / RESULT
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            stored = fields.pop("digest")
            if fields["format"] > FORMAT:
                found = f"a newer probekit wrote it (format {fields['format']}, this one reads {FORMAT})"
                raise StoreError(
                    f"reading {path}", found, "Upgrade probekit, or name another place with --store DIR."
                )
            if stored != digest(fields):
                raise StoreError(f"reading {path}", "it was changed after it was stored", ANEW)
            return Result.model_validate(fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise StoreError(
                f"reading {path}", f"it is not a whole result ({type(error).__name__})", ANEW
            ) from error

    def check_files(self, result: Result) -> None:
        """Raise StoreError where a file the result names is missing or not as it was stored."""
        for name in result.files:
            self.read(name, result)

    def read(self, name: str, result: Result) -> bytes:
        """Return a file of the result. Raises StoreError where it is missing or not as it was stored."""
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"reading {path}", f"{name}: {error.strerror or error}", ANEW) from error
        if hashlib.sha256(content).hexdigest() != result.files.get(name):
            raise StoreError(
                f"reading {path}", f"{name} is truncated or was changed after it was stored", ANEW
            )
        return content

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder alone. Raises StoreError where another process does."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise StoreError(
                f"running in {self.path}",
                "another process is running it",
                "Wait for it, or name another place with --store DIR.",
            ) from None
        except OSError as error:
            raise StoreError(f"locking {self.path}", error.strerror or str(error), ROOM) from error
        try:
            yield
        finally:
            lock.release()


def digest(fields: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON fields."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
