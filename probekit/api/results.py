"""Results are what a store holds, a sequence to filter and to tabulate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from probekit.errors import StoreError, UsageError
from probekit.html import table
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame


class Results(Sequence[Result]):
    """Results in a row; left_out: a line for each run that could not be read."""

    def __init__(self, found: Sequence[Result], left_out: Sequence[str] = ()) -> None:
        self._found, self.left_out = tuple(found), tuple(left_out)

    @overload
    def __getitem__(self, place: int) -> Result: ...

    @overload
    def __getitem__(self, place: slice) -> Results: ...

    def __getitem__(self, place: int | slice) -> Result | Results:
        return Results(self._found[place]) if isinstance(place, slice) else self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._found)

    def __repr__(self) -> str:
        aside = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"<Results: {len(self)} runs{aside}>"

    def _repr_html_(self) -> str:
        shown = dict(list(COLUMNS.items())[:SHOWN])
        rows = [[str(of(one)) for of in shown.values()] for one in self[:LINES]]
        return table(repr(self), list(shown), rows)

    def where(self, **fields: Any) -> Results:
        """Return those that were asked for so: probe, structure, scale, seed, trainer, status."""
        wrong = set(fields) - set(ASKED)
        if wrong:
            raise UsageError(
                f"results where {', '.join(wrong)}", "no such field", f"Give {', '.join(ASKED)}."
            )
        return Results([one for one in self if all(row(one)[name] == fields[name] for name in fields)])

    def frame(self) -> DataFrame:
        """Return a pandas DataFrame, a row a run.

        Its columns are those of COLUMNS, then for each metric `NAME` (test mean), `NAME_train`, `NAME_floor`
        (the best closed-form control), `NAME_low` and `NAME_high` (95 % over test items), then
        `measured_NAME` for what was measured. What a run has no number of is NaN. Raises UsageError where
        pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UsageError(
                "frame()", "pandas is not installed", 'Type pip install "probekit-nn[frame]".'
            ) from error
        return pandas.DataFrame([{**row(one), **numbers(one)} for one in self])


COLUMNS: dict[str, Callable[[Result], Any]] = {
    "probe": lambda one: one.plan.spec.probe,
    "structure": lambda one: one.plan.spec.structure,
    "scale": lambda one: one.plan.scale,
    "seed": lambda one: one.plan.seed,
    "status": lambda one: one.status,
    "trainer": lambda one: one.plan.spec.trainer,
    "width": lambda one: one.plan.width,
    "parameters": lambda one: one.plan.parameters,
    "flops": lambda one: one.flops,
    "seconds": lambda one: one.seconds,
    "steps": lambda one: one.steps,
    "spike": lambda one: one.spike,
    "error": lambda one: one.error,
    "identity": lambda one: one.plan.identity,
    "weights": lambda one: one.weights,
    "device": lambda one: one.environment.device,
    "stored": lambda one: one.stored,
}
"""Column: what it holds. flops: of one item's forward pass; seconds: of training; stored: since 1970, UTC."""
ASKED = ("probe", "structure", "scale", "seed", "trainer", "status")
SHOWN, LINES = 10, 20


def row(one: Result) -> dict[str, Any]:
    """Return what a run was and cost."""
    return {name: of(one) for name, of in COLUMNS.items()}


def numbers(one: Result) -> dict[str, float | None]:
    """Return what a run scored, and what was measured of it."""
    found: dict[str, float | None] = {}
    for name, value in one.metrics.items():
        low, high = one.intervals.get(name, (None, None))
        found |= {name: value, f"{name}_train": one.train.get(name), f"{name}_floor": one.floors.get(name)}
        found |= {f"{name}_low": low, f"{name}_high": high}
    return {**found, **{f"measured_{name}": value for name, value in one.measured.items()}}


def results(*, store: str | Path | None = None) -> Results:
    """Return what a store holds, scored and failed, by folder; store: by default $PROBEKIT_HOME or
    ./probekit-runs. What cannot be read is in `left_out`, by name."""
    found, left_out = [], []
    for folder, one in Store(store).results():
        if isinstance(one, StoreError):
            left_out.append(f"{folder.path.name}: {one.found}")
        else:
            found.append(one)
    return Results(found, left_out)
