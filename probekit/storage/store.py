"""The store keeps runs on disk, a folder each, and never overwrites one."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from probekit.errors import StoreError, explain_refusal
from probekit.plans.plan import Plan, readable
from probekit.storage.alike import group_alike, is_rerun
from probekit.storage.disk import ANEW, sync_folder
from probekit.storage.folder import OF_A_RUN, RESULT, Folder
from probekit.storage.result import Result
from probekit.storage.root import ELSEWHERE, checked_root, hold_root, listed, refused

OLD = re.compile(r"-([0-9a-f]{12})(?:-\d+)?$")
"""How the name of a folder of probekit 0.1 ends."""


def default_root() -> Path:
    """Return where runs are kept when --store is not given: PROBEKIT_HOME, else ./probekit-runs."""
    return Path(os.environ.get("PROBEKIT_HOME") or "probekit-runs")


class Store:
    """Folders under one root; of those of one plan the newest is the run, done or to be gone on with."""

    def __init__(self, root: Path | str | None = None) -> None:
        given = checked_root(root) if root is not None else default_root()
        try:
            # once: a component may change the working directory
            self.root = given.expanduser().absolute()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                self.root.lstat()  # a name that is too long is refused before anything is done
        except OSError as error:
            raise refused(given, error) from error
        except RuntimeError as error:
            hint = "Name another place with --store DIR."
            raise StoreError(f"keeping runs in {given}", str(error).rstrip("."), hint) from error

    def twins(self, plan: Plan) -> list[Folder]:
        """Return the folders of this plan, whatever it was called: the oldest first.

        Of folders of one number, made under two names, what is done comes last. Raises StoreError where one
        cannot be looked into: a new run would be begun in its place.
        """
        ending = plan.identity[:12]
        found = []
        for name in listed(self.root):
            if (place := place_of(name, ending)) is None:
                continue
            path = self.root / name
            try:
                if held := OF_A_RUN.intersection(os.listdir(path)):
                    made = (path / min(held)).lstat().st_mtime
                    found.append(((place, RESULT in held, made, name), Folder(path)))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise StoreError(f"reading {path}", *explain_refusal(error, ELSEWHERE)) from error
        return [folder for _, folder in sorted(found, key=lambda one: one[0])]

    def newest(self, plan: Plan) -> Folder | None:
        """Return the folder of this plan that was made last, or None."""
        return next(reversed(self.twins(plan)), None)

    def new(self, plan: Plan) -> Folder:
        """Make a folder with the plan in its spec.json, beside those there are.

        Raises StoreError where the root is not a folder or cannot be written.
        """
        with self._alone():
            return self._new(plan)

    def newest_or_new(self, plan: Plan, rejected: Container[Path] = ()) -> Folder:
        """Return the folder of this plan that was made last, else a new one, though several ask at once.

        rejected: folders that are left out, as what they hold came of other code. Raises StoreError where the
        root is not a folder or cannot be written.
        """
        with self._alone():
            usable = [folder for folder in self.twins(plan) if folder.path not in rejected]
            return usable[-1] if usable else self._new(plan)

    def _new(self, plan: Plan) -> Folder:
        folder = self._made(next(self._next(plan)))
        folder.write_spec(plan)
        sync_folder(self.root)
        return folder

    def _next(self, plan: Plan) -> Iterator[str]:
        """Yield the name of the next folder of a plan, then those after it."""
        ending = plan.identity[:12]
        last = max((place_of(one.path.name, ending) or 0 for one in self.twins(plan)), default=-1)
        for place in itertools.count(last + 1):
            yield f"{plan.folder}-{place + 1}" if place else plan.folder

    def adopt(self, plan: Plan, draft: Path, is_wanted: Callable[[], bool]) -> bool:
        """Make a draft the newest run of its plan, unless it is not wanted any more.

        Args:
            plan: What the draft is a run of.
            draft: A whole folder, on the disk of the root.
            is_wanted: Called while no other process can adopt anything.

        Returns:
            Whether it was adopted.

        Raises:
            StoreError: The root is not a folder or cannot be written.
        """
        with self._alone():
            names = self._next(plan) if is_wanted() else iter(())
            for name in names:
                try:
                    draft.rename(self.root / name)
                except OSError as error:
                    # a file, or a folder that holds no run, has the name
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                        continue
                    raise refused(self.root, error) from error
                sync_folder(self.root)
                return True
        return False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the root, made if need be, as `hold_root` says."""
        self._made("")
        with hold_root(self.root):
            yield

    def loose(self, name: str) -> Folder:
        """Return a folder for what is not a run, made if need be; raises StoreError where that cannot be."""
        return self._made(readable(name))

    def _made(self, name: str) -> Folder:
        path = self.root / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(self.root, error) from error
        return Folder(path)

    def folders(self) -> Iterator[Folder]:
        """Yield the folders of the root by name, hidden ones left out; none where there is no root yet.

        Raises StoreError where the root cannot be read.
        """
        if os.path.isfile(self.root):
            raise refused(self.root, NotADirectoryError())
        paths = [self.root / name for name in listed(self.root)]
        yield from (Folder(path) for path in paths if path.is_dir() and not path.is_symlink())

    def results(self) -> Iterator[tuple[Folder, Result | StoreError]]:
        """Yield each run of the root, by name: its folder and result, or why that cannot be read.

        Of several reruns of one request the newest whole one alone is yielded. The files beside a result are
        not checked. Folders that hold no run are passed over.
        """
        requests: dict[str, list[tuple[tuple[int, float], Folder, Result]]] = defaultdict(list)
        for path in [self.root / name for name in listed(self.root)]:
            folder, held = Folder(path), frozenset(OF_A_RUN)
            try:
                held = OF_A_RUN.intersection(os.listdir(path))
                if not held:
                    continue
                result = folder.read_result()
                place = place_in_store(path.name, result.plan)
                if place is None:
                    raise StoreError(f"reading {path}", "it holds another run's result", ANEW)
            except NotADirectoryError:
                continue
            except StoreError as error:
                unfinished = RESULT not in held
                found = "it has not finished; the same command goes on" if unfinished else error.found
                yield folder, StoreError(error.asked, found, error.hint)
                continue
            except OSError as error:
                yield folder, StoreError(f"reading {path}", error.strerror or str(error), ANEW)
                continue
            requests[result.plan.identity].append(((place, result.stored), folder, result))
        newest: list[tuple[Folder, Result]] = []
        for runs in requests.values():
            runs.sort(key=lambda run: run[0], reverse=True)
            reruns = group_alike(runs, lambda run, other: is_rerun(run[2], other[2]))
            newest += [(group[0][1], group[0][2]) for group in reruns]
        yield from sorted(newest, key=lambda run: run[0].path)

    def find(self, plan: Plan) -> tuple[Result, Folder] | None:
        """Return the stored result of this plan, all of its files checked; None where it is not done.

        Raises StoreError where it was edited, truncated or written by a newer probekit.
        """
        folder = self.newest(plan)
        result = None if folder is None else self.read_done(folder, plan)
        return None if folder is None or result is None else (result, folder)

    def read_done(self, folder: Folder, plan: Plan) -> Result | None:
        """Return the result that a folder of this plan holds, all of its files checked; None where it is not
        done. Raises as `find`."""
        if not (folder.path / RESULT).is_file():
            return None
        result = folder.read_result()
        if result.plan.identity != plan.identity:
            raise StoreError(f"reading {folder.path}", "it holds another run's result", ANEW)
        if result.status != "done":
            return None
        folder.check_files(result)
        return result


def place_in_store(name: str, plan: Plan) -> int | None:
    """Return which rerun of its plan a folder is, the first being 0; None where it is of another plan.

    Folders of probekit 0.1 end in digits that were made otherwise, and may be any.
    """
    old = any(used.source for used in plan.components) and OLD.search(name)
    return place_of(name, old.group(1) if old else plan.identity[:12])


def place_of(name: str, ending: str) -> int | None:
    """Return which twin of its plan a folder is, the first being 0; None where it is of another plan.

    ending: the first digits of the identity, which folders end in; all but the first are numbered from 2.
    """
    _, found, number = f"-{name}".rpartition(f"-{ending}")
    if not found or number == "":
        return 0 if found else None
    numbered = number.startswith("-") and number[1:].isdecimal() and str(int(number[1:])) == number[1:]
    return int(number[1:]) - 1 if numbered and int(number[1:]) > 1 else None
