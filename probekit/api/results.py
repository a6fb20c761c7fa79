"""Results know their folder and their verdict; a sequence of them can be filtered and tabulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pydantic import PrivateAttr

from probekit.cards.aggregate import StoredRun
from probekit.cards.judge import Judgement, judge_runs
from probekit.catalog.registry import Registry
from probekit.catalog.registry import registry as installed_registry
from probekit.evidence.verdict import Verdict
from probekit.plain import render_html_table
from probekit.plugin.errors import StoreError, UsageError
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame


class StoredResult(Result):
    """A result that knows the folder it lies in, and the verdict on its structure.

    Attributes:
        folder: The folder of the run.
        judgement: Verdict, normalised score and judged interval, over all seeds of the structure that were
            run or read together. None if the run failed or its probe is not installed.
    """

    _run: StoredRun = PrivateAttr()
    _judge: Judge = PrivateAttr()

    def __eq__(self, other: object) -> bool:
        """Tell whether all that is stored is equal, wherever it lies."""
        return isinstance(other, Result) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._run.folder.path

    @property
    def judgement(self) -> Judgement | None:
        """What the scores say; computed when it is first asked for."""
        return self._judge.judgements.get(self.folder.name)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, None if there is no judgement."""
        return None if self.judgement is None else self.judgement.verdict


class Judge:
    """Judges runs together, once, when the first judgement is asked for."""

    def __init__(self, runs: Sequence[StoredRun], store: Store, registry: Registry) -> None:
        self.runs, self.store, self.registry = tuple(runs), store, registry

    @cached_property
    def judgements(self) -> dict[str, Judgement]:
        """Judgements by the name of the run's folder."""
        return judge_runs(self.runs, self.store, self.registry)


def attach_folders(
    runs: Sequence[tuple[Folder, Result]], store: Store, registry: Registry
) -> list[StoredResult]:
    """Return results that know their folders, and are judged together."""
    stored_runs = [StoredRun(result, folder) for folder, result in runs]
    judge = Judge(stored_runs, store, registry)
    results = []
    for run in stored_runs:
        result = StoredResult.model_construct(run.result.model_fields_set, **dict(run.result))
        result._run, result._judge = run, judge
        results.append(result)
    return results


class Results(Sequence[StoredResult]):
    """A sequence of results.

    Args:
        results: the results.
        left_out: a line for each run that cannot be read.
    """

    def __init__(self, results: Sequence[StoredResult], left_out: Sequence[str] = ()) -> None:
        self._results, self.left_out = tuple(results), tuple(left_out)

    @overload
    def __getitem__(self, index: int) -> StoredResult: ...

    @overload
    def __getitem__(self, index: slice) -> Results: ...

    def __getitem__(self, index: int | slice) -> StoredResult | Results:
        return Results(self._results[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[StoredResult]:
        return iter(self._results)

    def __repr__(self) -> str:
        omitted = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"<Results: {len(self)} runs{omitted}>"

    def _repr_html_(self) -> str:
        columns = dict(list(COLUMNS.items())[:PREVIEW_COLUMNS])
        rows = [[str(get(result)) for get in columns.values()] for result in self[:PREVIEW_ROWS]]
        return render_html_table(repr(self), list(columns), rows)

    def where(self, **fields: Any) -> Results:
        """Return the results whose fields have these values.

        Args:
            fields: any of probe, structure, scale, seed, trainer and status.

        Raises:
            UsageError: there is no such field.
        """
        unknown = set(fields) - set(FILTERS)
        if unknown:
            raise UsageError(
                f"results where {', '.join(unknown)}", "no such field", f"Use {', '.join(FILTERS)}."
            )
        return Results(
            [result for result in self if all(read_columns(result)[name] == fields[name] for name in fields)]
        )

    def frame(self) -> DataFrame:
        """Return a pandas DataFrame with one row per run.

        The columns are those of `COLUMNS`; the judgement, which is the same for all seeds of one structure on
        one probe: `verdict`, `verdict_why`, `normalised`, `normalised_low` and `normalised_high` (the judged
        interval), `seeds`, `host` and `recipe`; for each metric `NAME` (the test mean), `NAME_train`,
        `NAME_floor` (the best closed-form control), `NAME_low` and `NAME_high` (95 % interval over test
        items); and `measured_NAME` for each measurement. Missing numbers are NaN.

        Raises:
            UsageError: pandas is not installed.
        """
        return import_pandas().DataFrame(
            [{**read_columns(result), **read_judgement(result), **read_scores(result)} for result in self]
        )


def import_pandas() -> Any:
    """Return pandas, which is optional; raises UsageError if it is not installed."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise UsageError(
            "frame()", "pandas is not installed", 'Type pip install "probekit-nn[frame]".'
        ) from error
    return pandas


COLUMNS: dict[str, Callable[[Result], Any]] = {
    "probe": lambda result: result.plan.spec.probe,
    "structure": lambda result: result.plan.spec.structure,
    "scale": lambda result: result.plan.scale,
    "seed": lambda result: result.plan.seed,
    "status": lambda result: result.status,
    "trainer": lambda result: result.plan.spec.trainer,
    "width": lambda result: result.plan.width,
    "parameters": lambda result: result.plan.parameters,
    "flops": lambda result: result.flops,
    "seconds": lambda result: result.seconds,
    "steps": lambda result: result.steps,
    "spike": lambda result: result.spike,
    "error": lambda result: result.error,
    "identity": lambda result: result.plan.identity,
    "weights": lambda result: result.weights,
    "device": lambda result: result.environment.device,
    "stored": lambda result: result.stored,
}
"""Functions by column. flops: of the forward pass of one item; seconds: of training; stored: Unix time."""
FILTERS = ("probe", "structure", "scale", "seed", "trainer", "status")
PREVIEW_COLUMNS, PREVIEW_ROWS = 10, 20


def read_columns(result: Result) -> dict[str, Any]:
    """Return the values of `COLUMNS` for a run."""
    return {name: get(result) for name, get in COLUMNS.items()}


def read_judgement(result: StoredResult) -> dict[str, Any]:
    """Return the columns of a result's judgement; none if there is no judgement."""
    return {} if result.judgement is None else result.judgement.columns()


def read_scores(result: Result) -> dict[str, float | None]:
    """Return the scores and measurements of a run."""
    scores: dict[str, float | None] = {}
    for name, value in result.metrics.items():
        low, high = result.intervals.get(name, (None, None))
        scores |= {
            name: value,
            f"{name}_train": result.train.get(name),
            f"{name}_floor": result.floors.get(name),
        }
        scores |= {f"{name}_low": low, f"{name}_high": high}
    return {**scores, **{f"measured_{name}": value for name, value in result.measured.items()}}


def results(*, store: str | Path | None = None) -> Results:
    """Return all results in a store, of done and failed runs, by folder.

    Args:
        store: the folder of the store; by default $PROBEKIT_HOME or ./probekit-runs.

    Returns:
        The results. Runs that cannot be read are named in `left_out`.
    """
    readable, left_out, opened = [], [], Store(store)
    for folder, result in opened.read_results():
        if isinstance(result, StoreError):
            left_out.append(f"{folder.path.name}: {result.problem}")
        else:
            readable.append((folder, result))
    return Results(attach_folders(readable, opened, installed_registry()), left_out)
