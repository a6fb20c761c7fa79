"""The store keeps runs on disk, a folder each, and never overwrites one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from probekit.errors import StoreError
from probekit.plans.plan import Plan, readable
from probekit.storage.disk import ANEW
from probekit.storage.folder import RESULT, SPEC, Folder
from probekit.storage.result import Result


def default_root() -> Path:
    """Return where runs are kept when --store is not given: PROBEKIT_HOME, else ./probekit-runs."""
    return Path(os.environ.get("PROBEKIT_HOME") or "probekit-runs")


class Store:
    """Folders under one root; of those of one plan the newest is the run, done or to be gone on with."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()

    def twins(self, plan: Plan) -> list[Folder]:
        """Return the folders of this plan: the first, then those that --force ran beside it."""
        whole: list[Folder] = []
        while (path := self.root / twin(plan, len(whole))) and (path / SPEC).is_file():
            whole.append(Folder(path))
        return whole

    def newest(self, plan: Plan) -> Folder | None:
        """Return the folder of this plan that was made last, or None."""
        return next(reversed(self.twins(plan)), None)

    def new(self, plan: Plan) -> Folder:
        """Make a folder with the plan in its spec.json, beside those there are.

        Raises StoreError where the root is not a folder or cannot be written.
        """
        folder = self._made(twin(plan, len(self.twins(plan))))
        folder.write(SPEC, plan.model_dump_json(indent=1).encode())
        return folder

    def loose(self, name: str) -> Folder:
        """Return a folder for what is not a run, made if need be; raises StoreError where that cannot be."""
        return self._made(readable(name))

    def _made(self, name: str) -> Folder:
        path = self.root / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            found = "there is a file of that name" if self.root.is_file() else error.strerror or str(error)
            hint = "Name another place with --store DIR."
            raise StoreError(f"keeping runs in {self.root}", found, hint) from error
        return Folder(path)

    def results(self) -> Iterator[tuple[Folder, Result | StoreError]]:
        """Yield each run of the root, by name: its folder and result, or why that cannot be read.

        Of runs of one identity the newest whole one alone is yielded. The files beside a result are not
        checked. Folders that hold no run are passed over.
        """
        whole: dict[str, tuple[tuple[int, float], Folder, Result]] = {}
        for path in sorted(self.root.iterdir()) if self.root.is_dir() else []:
            if not ((path / SPEC).is_file() or (path / RESULT).is_file()):
                continue
            folder = Folder(path)
            try:
                result = folder.read_result()
                place = place_of(path.name, result.plan)
                made = (place, (path / RESULT).stat().st_mtime)
            except StoreError as error:
                unfinished = not (path / RESULT).exists()
                found = "it has not finished; the same command goes on" if unfinished else error.found
                yield folder, StoreError(error.asked, found, error.hint)
                continue
            except OSError as error:
                yield folder, StoreError(f"reading {path}", error.strerror or str(error), ANEW)
                continue
            identity = result.plan.identity
            if identity not in whole or made > whole[identity][0]:
                whole[identity] = made, folder, result
        for _, folder, result in sorted(whole.values(), key=lambda one: one[1].path):
            yield folder, result

    def find(self, plan: Plan) -> tuple[Result, Folder] | None:
        """Return the stored result of this plan, all of its files checked; None where it is not done.

        Raises StoreError where it was edited, truncated or written by a newer probekit.
        """
        folder = self.newest(plan)
        if folder is None or not (folder.path / RESULT).is_file():
            return None
        result = folder.read_result()
        if result.plan.identity != plan.identity:
            raise StoreError(f"reading {folder.path}", "it holds another run's result", ANEW)
        if result.status != "done":
            return None
        folder.check_files(result)
        return result, folder


def twin(plan: Plan, place: int) -> str:
    """Return the name of a plan's folder; the first has no number."""
    return plan.folder if place == 0 else f"{plan.folder}-{place + 1}"


def place_of(name: str, plan: Plan) -> int:
    """Return which twin of its plan a folder of this name is, the first being 0.

    Raises StoreError where it is none.
    """
    number = name.removeprefix(plan.folder).removeprefix("-")
    if name == plan.folder:
        return 0
    if name.startswith(plan.folder) and number.isdecimal() and twin(plan, int(number) - 1) == name:
        return int(number) - 1
    raise StoreError(f"reading {name}", "it holds another run's result", ANEW)
