"""The store keeps runs on disk, one folder each: written atomically, never overwritten, checked when read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probekit.errors import StoreError
from probekit.plan import Plan, readable
from probekit.result import Result

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
SPEC, RESULT, LOG, CHECKPOINT = "spec.json", "result.json", "log.jsonl", "checkpoint.safetensors"
ANEW = "Type --force to run anew beside it; nothing is deleted."


def default_root() -> Path:
    """Return where runs are kept when --store is not given: PROBEKIT_HOME, else ./probekit-runs."""
    return Path(os.environ.get("PROBEKIT_HOME") or "probekit-runs")


class Folder:
    """One run's folder: spec.json, log.jsonl, checkpoint, and once done result.json, scores, weights and pictures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: bytes) -> str:
        """Write a file whole or not at all; return its sha256. Raises StoreError where the disk does not take it."""
        target = self.path / name
        try:
            with tempfile.NamedTemporaryFile(dir=self.path, prefix=f".{name}.", delete=False) as draft:
                try:
                    draft.write(content)
                    draft.flush()
                    os.fsync(draft.fileno())
                    os.replace(draft.name, target)
                except BaseException:
                    Path(draft.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreError(
                f"writing {target}",
                error.strerror or str(error),
                "Make room or name another place with --store DIR.",
            ) from error
        return hashlib.sha256(content).hexdigest()

    def write_tensors(
        self, name: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
    ) -> str:
        """Write tensors, with JSON beside them in the header, as safetensors; return the file's sha256."""
        from safetensors.torch import save

        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        return self.write(name, save(plain, metadata={"probekit": json.dumps(about or {})}))

    def read_tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Read what write_tensors wrote. Raises StoreError where the file is missing, truncated or foreign."""
        from safetensors import SafetensorError, safe_open

        path = self.path / name
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["probekit"])
                return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise StoreError(f"reading {path}", f"it is not whole ({error})", ANEW) from error

    def append(self, rows: list[Mapping[str, float]]) -> None:
        """Append rows to the log. Raises StoreError where the disk does not take them."""
        path = self.path / LOG
        try:
            with path.open("a", encoding="utf-8") as log:
                log.writelines(json.dumps(row) + "\n" for row in rows)
        except OSError as error:
            raise StoreError(
                f"writing {path}",
                error.strerror or str(error),
                "Make room and type the same command: it goes on.",
            ) from error

    def rows(self) -> list[dict[str, float]]:
        """Return the log's whole rows; a last line cut off by a crash is left out."""
        path = self.path / LOG
        if not path.exists():
            return []
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def cut_log(self, rows: int) -> None:
        """Keep the log's first rows alone: the rest was written after the checkpoint and will be written again."""
        kept = "".join(json.dumps(row) + "\n" for row in self.rows()[:rows])
        self.write(LOG, kept.encode())

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
        for name, sha in result.files.items():
            path = self.path / name
            if not path.is_file():
                raise StoreError(f"reading {path}", "it is missing", ANEW)
            if hashlib.sha256(path.read_bytes()).hexdigest() != sha:
                raise StoreError(
                    f"reading {path}", "it is truncated or was changed after it was stored", ANEW
                )

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
                "Wait for it, or type another --store DIR.",
            ) from None
        try:
            yield
        finally:
            lock.release()


class Store:
    """Folders under one root."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()

    def twins(self, plan: Plan) -> list[Folder]:
        """Return the folders of this plan: the first, then those that --force ran beside it."""
        first = self.root / plan.folder
        found = [first, *(self.root / f"{plan.folder}-{n}" for n in range(2, 1000))]
        whole = []
        for path in found:
            if not (path / SPEC).is_file():
                break
            whole.append(Folder(path))
        return whole

    def folder(self, plan: Plan, *, force: bool = False) -> Folder:
        """Return the folder to run in, made with its spec.json: the newest of this plan, or a new one with `force`.

        Raises StoreError where the root is not a folder or cannot be written.
        """
        twins = self.twins(plan)
        if twins and not force:
            return twins[-1]
        name = plan.folder if not twins else f"{plan.folder}-{len(twins) + 1}"
        draft = None
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=self.root, prefix=".new-"))
            draft.chmod(0o755)
            Folder(draft).write(SPEC, plan.model_dump_json(indent=1).encode())
            os.replace(draft, self.root / name)
        except OSError as error:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)
            raise unusable(self.root, error) from error
        return Folder(self.root / name)

    def loose(self, name: str) -> Folder:
        """Return a folder for what is not a run, made if need be; raises StoreError where that cannot be."""
        path = self.root / readable(name)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self.root, error) from error
        return Folder(path)

    def find(self, plan: Plan) -> tuple[Result, Folder] | None:
        """Return the newest stored result of this plan, all of its files checked, or None.

        Raises StoreError where it was edited, truncated or written by a newer probekit.
        """
        for folder in reversed(self.twins(plan)):
            if (folder.path / RESULT).is_file():
                result = folder.read_result()
                if result.plan.identity != plan.identity:
                    raise StoreError(f"reading {folder.path}", "it holds another run's result", ANEW)
                if result.status == "done":
                    folder.check_files(result)
                    return result, folder
        return None


def unusable(root: Path, error: OSError) -> StoreError:
    """Return the error of a root that cannot be used."""
    found = "there is a file of that name" if root.is_file() else error.strerror or str(error)
    return StoreError(f"keeping runs in {root}", found, "Name another place with --store DIR.")


def digest(fields: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON fields."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
