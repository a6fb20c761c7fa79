"""`probekit.survey` returns the survey of layers that is shipped with probekit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from probekit.api.results import import_pandas
from probekit.rows.layers import SurveyRow, read_survey

if TYPE_CHECKING:
    from pandas import DataFrame


class Survey(Sequence[SurveyRow]):
    """The lines of a survey: one per layer and probe, with the verdict.

    Args:
        lines: the lines.
    """

    def __init__(self, lines: Sequence[SurveyRow]) -> None:
        self._lines = tuple(lines)

    @overload
    def __getitem__(self, index: int) -> SurveyRow: ...

    @overload
    def __getitem__(self, index: slice) -> Survey: ...

    def __getitem__(self, index: int | slice) -> SurveyRow | Survey:
        return Survey(self._lines[index]) if isinstance(index, slice) else self._lines[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        layers = {line.layer for line in self if line.layer}
        return f"<Survey: {len(layers)} layers, {len(self)} verdicts>"

    def frame(self) -> DataFrame:
        """Return a pandas DataFrame with one row per verdict; its columns are the fields of a line.

        Raises:
            UsageError: pandas is not installed.
        """
        return import_pandas().DataFrame(list(self), columns=list(SurveyRow._fields))


def survey() -> Survey:
    """Return the survey of layers that is shipped with probekit: verdicts, scores, seeds, recipes and cost.

    Each line names the version of its probe; verdicts on different versions are not comparable.
    """
    return Survey(read_survey())
