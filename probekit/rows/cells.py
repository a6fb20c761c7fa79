"""A row holds a run without its weights, as cells of text: result, loss curve, looks, choice of recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from pydantic import ValidationError

from probekit.evidence.deciding.learning import BLOCKS, LAST
from probekit.plain import FORMULA_STARTS, escape_cell
from probekit.plans.finite import to_json
from probekit.plans.plan import Plan
from probekit.schedule.choice import Choice
from probekit.storage.checksum import CorruptFile, compute_checksum
from probekit.storage.loss_curve import LossPoints
from probekit.storage.result import FORMAT, Result

IDENTITY, VERSION, CURVE, LOOKS, CHOICE, CHECKSUM = (
    "identity",
    "version",
    "curve",
    "looks",
    "choice",
    "checksum",
)
PLAN_COLUMNS = ("probe", "structure", "scale", "seed", "trainer", "width", "parameters", "spec")
MORE_PLAN_COLUMNS = tuple(name for name in Plan.model_fields if name not in PLAN_COLUMNS)
RESULT_COLUMNS = tuple(name for name in Result.model_fields if name not in ("plan", "files"))
COLUMNS = (
    *(IDENTITY, VERSION, *PLAN_COLUMNS, *RESULT_COLUMNS),
    *(CURVE, LOOKS, CHOICE, *MORE_PLAN_COLUMNS, CHECKSUM),
)
"""The columns of a file of rows. Those that are not text contain JSON."""
TEXTS = frozenset(
    {IDENTITY, VERSION, CHECKSUM, "status"}
    | {
        name
        for model in (Plan, Result)
        for name, field in model.model_fields.items()
        if field.annotation is str
    }
)
ROUNDED = {"behaviour": 9}
"""Significant digits of the numbers in a column; behaviours are compared to six digits at most."""
CURVE_DIGITS = 7


class Row(NamedTuple):
    """A run without its weights.

    Attributes:
        result: The result; its `files` are empty.
        curve: The loss curve, thinned.
        looks: With how many seeds the structure was judged so far.
        choice: The choice of its structure's recipe; None without one.
    """

    result: Result
    curve: LossPoints
    looks: tuple[int, ...] = ()
    choice: Choice | None = None


def make_cells(row: Row) -> dict[str, str]:
    """Return the cells of a row by column, with a checksum; no spreadsheet reads one of them as a formula."""
    plan = row.result.plan
    fields: dict[str, Any] = {
        **row.result.model_dump(mode="json", exclude={"plan", "files"}),
        **plan.model_dump(mode="json"),
        IDENTITY: plan.identity,
        VERSION: plan.column_key[1],
        CURVE: [[step, round_numbers(loss, CURVE_DIGITS)] for step, loss in row.curve],
        LOOKS: list(row.looks),
        CHOICE: row.choice.model_dump(mode="json") if row.choice else None,
    }
    for name, digits in ROUNDED.items():
        fields[name] = round_numbers(fields[name], digits)
    texts: dict[str, str] = {
        name: value if name in TEXTS else "" if value is None else to_json(value)
        for name, value in fields.items()
    }
    texts[CHECKSUM] = checksum_of(texts)
    return {name: escape_text(texts[name]) for name in COLUMNS}


def read_cells(cells: Mapping[str, str]) -> Row:
    """Return the row of these cells. Nothing in them is evaluated.

    Raises:
        CorruptFile: A cell was changed, the identity is another run's, or a newer probekit wrote it.
    """
    texts = {name: unescape_text(text) for name, text in cells.items()}
    if texts.get(CHECKSUM) != checksum_of(texts):
        raise CorruptFile("it was changed after it was written")
    try:
        fields = {name: text if name in TEXTS else parse_cell(text) for name, text in texts.items()}
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"a cell of it is not JSON ({type(error).__name__})") from error
    version = fields.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CorruptFile(f"a newer probekit wrote it (format {version}, this one reads {FORMAT})")
    try:
        plan = Plan.model_validate({name: fields[name] for name in Plan.model_fields if name in fields})
        known = {name: fields[name] for name in RESULT_COLUMNS if name in fields}
        result = Result.model_validate({**known, "plan": plan})
        curve = [(float(step), float(loss)) for step, loss in list_items(fields.get(CURVE))]
        looks = tuple(int(seeds) for seeds in list_items(fields.get(LOOKS)))
        choice = Choice.model_validate(fields[CHOICE]) if fields.get(CHOICE) else None
        stated = plan.identity, plan.column_key[1]
    except (ValidationError, TypeError, ValueError, StopIteration) as error:
        raise CorruptFile("it is not a valid row") from error
    if stated != (fields.get(IDENTITY), fields.get(VERSION)):
        raise CorruptFile("its identity is that of another run")
    return Row(result, curve, looks, choice)


def thin_curve(points: LossPoints) -> LossPoints:
    """Return a loss curve as means of 40 blocks, so that its end is judged as that of the whole curve.

    Whether training was still learning is judged by eight blocks of the last fifth: these blocks are kept. A
    curve that is too short to be judged is returned as it is.
    """
    if len(points) < LAST * BLOCKS:
        return list(points)
    start = len(points) - len(points) // LAST
    blocks = split_blocks(points[:start], (LAST - 1) * BLOCKS) + split_blocks(points[start:], BLOCKS)
    return [(block[-1][0], sum(loss for _, loss in block) / len(block)) for block in blocks]


def split_blocks(points: LossPoints, count: int) -> list[LossPoints]:
    """Return points in so many blocks of nearly equal size; the first blocks are the longer ones."""
    size, longer = divmod(len(points), count)
    ends = [index * size + min(index, longer) for index in range(count + 1)]
    return [points[start:end] for start, end in pairwise(ends)]


def round_numbers(value: Any, digits: int) -> Any:
    """Return JSON values with each number that is not whole rounded to so many significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {key: round_numbers(inner, digits) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [round_numbers(inner, digits) for inner in value]
    return value


def checksum_of(texts: Mapping[str, str]) -> str:
    """Return the checksum of the cells that are not empty; a later version may add columns."""
    return compute_checksum({name: text for name, text in texts.items() if text and name != CHECKSUM})[:16]


def parse_cell(text: str) -> Any:
    """Return the JSON value in a cell, None for an empty one."""
    return json.loads(text) if text else None


def list_items(value: Any) -> list[Any]:
    """Return a JSON list, an empty one for null; raises TypeError for another value."""
    if value is not None and not isinstance(value, list):
        raise TypeError("it is no list")
    return value or []


def escape_text(text: str) -> str:
    """Return a text as a cell that no spreadsheet reads as a formula; `unescape_text` undoes it."""
    return f"'{text}" if text.startswith("'") else str(escape_cell(text))


def unescape_text(text: str) -> str:
    """Return the text of a cell that `escape_text` wrote."""
    return text[1:] if text.startswith(("''", *(f"'{start}" for start in FORMULA_STARTS))) else text
