"""Results of a store are a sequence to filter and to tabulate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from probekit.plain import render_html_table
from probekit.plugin.errors import StoreError, UsageError
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame


class Results(Sequence[Result]):
    """A sequence of results.

    Args:
        results: the results.
        left_out: a line for each run that cannot be read.
    """

    def __init__(self, results: Sequence[Result], left_out: Sequence[str] = ()) -> None:
        self._results, self.left_out = tuple(results), tuple(left_out)

    @overload
    def __getitem__(self, index: int) -> Result: ...

    @overload
    def __getitem__(self, index: slice) -> Results: ...

    def __getitem__(self, index: int | slice) -> Result | Results:
        return Results(self._results[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
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

        The columns are those of `COLUMNS`; for each metric `NAME` (the test mean), `NAME_train`,
        `NAME_floor` (the best closed-form control), `NAME_low` and `NAME_high` (95 % interval over test
        items); and `measured_NAME` for each measurement. Missing numbers are NaN.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UsageError(
                "frame()", "pandas is not installed", 'Type pip install "probekit-nn[frame]".'
            ) from error
        return pandas.DataFrame([{**read_columns(result), **read_scores(result)} for result in self])


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
    readable, left_out = [], []
    for folder, result in Store(store).read_results():
        if isinstance(result, StoreError):
            left_out.append(f"{folder.path.name}: {result.problem}")
        else:
            readable.append(result)
    return Results(readable, left_out)
