"""The store keeps runs on disk, one folder per run, and never overwrites one."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from probekit.plans.plan import Plan, slugify
from probekit.plugin.errors import StoreError, explain_os_error
from probekit.storage.disk import FORCE_HINT, sync_folder
from probekit.storage.equivalence import group_equivalent, is_rerun
from probekit.storage.folder import RESULT, RUN_FILES, Folder
from probekit.storage.result import Result
from probekit.storage.root import (
    STORE_HINT,
    check_root,
    explain_root_error,
    find_rerun_number,
    list_names,
    lock_root,
    parse_rerun_number,
)


def default_root() -> Path:
    """Return the root that is used without --store: PROBEKIT_HOME, else ./probekit-runs."""
    return Path(os.environ.get("PROBEKIT_HOME") or "probekit-runs")


class Store:
    """Run folders under one root; of the reruns of a plan, the newest counts, done or unfinished."""

    def __init__(self, root: Path | str | None = None) -> None:
        path = check_root(root) if root is not None else default_root()
        try:
            # once: a component may change the working directory
            self.root = path.expanduser().absolute()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                self.root.lstat()  # refuses a name that is too long before anything else happens
        except OSError as error:
            raise explain_root_error(path, error) from error
        except RuntimeError as error:
            raise StoreError(f"storing runs in {path}", str(error).rstrip("."), STORE_HINT) from error

    def reruns(self, plan: Plan) -> list[Folder]:
        """Return a plan's run folders, whatever their names say, the oldest first.

        Two folders may have one number, if they were made under two names; then a done run comes last.

        Raises:
            StoreError: A folder cannot be read; a new run must not start in its place.
        """
        ending = plan.identity[:12]
        reruns = []
        for name in list_names(self.root):
            if (number := parse_rerun_number(name, ending)) is None:
                continue
            path = self.root / name
            try:
                if files := RUN_FILES.intersection(os.listdir(path)):
                    modified = (path / min(files)).lstat().st_mtime
                    reruns.append(((number, RESULT in files, modified, name), Folder(path)))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise StoreError(f"reading {path}", *explain_os_error(error, STORE_HINT)) from error
        return [folder for _, folder in sorted(reruns, key=lambda rerun: rerun[0])]

    def newest_run(self, plan: Plan) -> Folder | None:
        """Return a plan's newest run folder, or None."""
        return next(reversed(self.reruns(plan)), None)

    def new_run(self, plan: Plan) -> Folder:
        """Make a new run folder with the plan in it, whatever runs of the plan there are.

        Raises:
            StoreError: The root is not a folder or cannot be written.
        """
        with self._lock_root():
            return self._make_run(plan)

    def newest_or_new_run(self, plan: Plan, rejected: Container[Path] = ()) -> Folder:
        """Return a plan's newest run folder, else a new one; several processes may call at once.

        Args:
            plan: The plan.
            rejected: Paths to leave out, as other code made these runs.

        Raises:
            StoreError: The root is not a folder or cannot be written.
        """
        with self._lock_root():
            usable = [folder for folder in self.reruns(plan) if folder.path not in rejected]
            return usable[-1] if usable else self._make_run(plan)

    def _make_run(self, plan: Plan) -> Folder:
        folder = self._make_folder(next(self._free_names(plan)))
        folder.write_spec(plan)
        sync_folder(self.root)
        return folder

    def _free_names(self, plan: Plan) -> Iterator[str]:
        """Yield the name of a plan's next folder, then those after it."""
        ending = plan.identity[:12]
        last = max(
            (parse_rerun_number(rerun.path.name, ending) or 0 for rerun in self.reruns(plan)), default=-1
        )
        for number in itertools.count(last + 1):
            yield f"{plan.folder}-{number + 1}" if number else plan.folder

    def adopt_draft(self, plan: Plan, draft: Path, is_wanted: Callable[[], bool]) -> bool:
        """Make a draft the newest run of its plan, unless it is no longer wanted.

        Args:
            plan: The draft's plan.
            draft: A whole folder on the root's disk.
            is_wanted: Called while no other process can adopt anything.

        Returns:
            Whether it was adopted.

        Raises:
            StoreError: The root is not a folder or cannot be written.
        """
        with self._lock_root():
            names = self._free_names(plan) if is_wanted() else iter(())
            for name in names:
                try:
                    draft.rename(self.root / name)
                except OSError as error:
                    # a file, or a folder that holds no run, has the name
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                        continue
                    raise explain_root_error(self.root, error) from error
                sync_folder(self.root)
                return True
        return False

    @contextlib.contextmanager
    def _lock_root(self) -> Iterator[None]:
        """Lock the root, which is made if need be, as `lock_root` does."""
        self._make_folder("")
        with lock_root(self.root):
            yield

    def aux_folder(self, name: str) -> Folder:
        """Return a folder for files that are not a run, made if need be; raises StoreError if that fails."""
        return self._make_folder(slugify(name))

    def _make_folder(self, name: str) -> Folder:
        path = self.root / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_root_error(self.root, error) from error
        return Folder(path)

    def list_folders(self) -> Iterator[Folder]:
        """Yield the root's folders by name, without hidden ones; none if there is no root yet.

        Raises:
            StoreError: The root cannot be read.
        """
        if os.path.isfile(self.root):
            raise explain_root_error(self.root, NotADirectoryError())
        paths = [self.root / name for name in list_names(self.root)]
        yield from (Folder(path) for path in paths if path.is_dir() and not path.is_symlink())

    def read_results(self) -> Iterator[tuple[Folder, Result | StoreError]]:
        """Yield each run's folder, by name, with its result or the reason why that cannot be read.

        Of several reruns of a plan only the newest whole one is yielded. Other files than the result are
        not checked. Folders that hold no run are skipped.
        """
        plans: dict[str, list[tuple[tuple[int, float], Folder, Result]]] = defaultdict(list)
        for path in [self.root / name for name in list_names(self.root)]:
            folder, files = Folder(path), frozenset(RUN_FILES)
            try:
                files = RUN_FILES.intersection(os.listdir(path))
                if not files:
                    continue
                result = folder.read_result()
                number = find_rerun_number(path.name, result.plan)
                if number is None:
                    raise StoreError(f"reading {path}", "it contains another run's result", FORCE_HINT)
            except NotADirectoryError:
                continue
            except StoreError as error:
                is_unfinished = RESULT not in files
                problem = "it has not finished; the same command goes on" if is_unfinished else error.problem
                yield folder, StoreError(error.request, problem, error.hint)
                continue
            except OSError as error:
                yield folder, StoreError(f"reading {path}", error.strerror or str(error), FORCE_HINT)
                continue
            plans[result.plan.identity].append(((number, result.stored), folder, result))
        newest: list[tuple[Folder, Result]] = []
        for runs in plans.values():
            runs.sort(key=lambda run: run[0], reverse=True)
            groups = group_equivalent(runs, lambda first, second: is_rerun(first[2], second[2]))
            newest += [(group[0][1], group[0][2]) for group in groups]
        yield from sorted(newest, key=lambda run: run[0].path)

    def find(self, plan: Plan) -> tuple[Result, Folder] | None:
        """Return a plan's stored result and folder, all files checked; None if it is not done.

        Raises:
            StoreError: The run was edited, truncated or written by a newer probekit.
        """
        folder = self.newest_run(plan)
        result = None if folder is None else self.read_done(folder, plan)
        return None if folder is None or result is None else (result, folder)

    def read_done(self, folder: Folder, plan: Plan) -> Result | None:
        """Return the result in a plan's folder, all files checked; None if not done. Raises as `find`."""
        if not (folder.path / RESULT).is_file():
            return None
        result = folder.read_result()
        if result.plan.identity != plan.identity:
            raise StoreError(f"reading {folder.path}", "it contains another run's result", FORCE_HINT)
        if result.status != "done":
            return None
        folder.check_files(result)
        return result
