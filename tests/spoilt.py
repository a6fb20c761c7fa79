"""Stored runs are spoiled: each text field of what a store keeps, with each hostile text."""

from __future__ import annotations

import json
import shutil
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from probekit.plans.plan import Plan
from probekit.storage.checksum import DIGEST, compute_checksum
from probekit.storage.folder import RESULT, SPEC

Place = tuple[str | int, ...]
"""The keys that lead to a value in JSON; one that ends in KEY means the last key itself."""
KEY = "(key)"

PROBE_TEXT = (
    "nonlocality(aligned=false,ambiguous=false,balance=true,beyond=0,colours=10,gap=2,height=none,"
    "overlapping=false,reading=down-set,rectangles=3,sampler=sequential,size={size},test={test},train=64,"
    "validation=8,width=none)"
)
HOSTILE: dict[str, str] = {
    "empty": "",
    "300 characters": "a" * 300,
    "300 characters of two bytes": "é" * 300,
    "100,000 characters": "unet" * 25_000,
    "a NUL": "unet\0lambda",
    "a lone surrogate": "unet\ud800",
    "control characters": "a\x07b\x08c\x7fd\x9be",
    "ANSI escapes": "\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m",
    "right-to-left marks": "\u202egnp.tenu\u200f\u2066",
    "line breaks": "a\r\nb\nc\u2028d\te",
    "HTML": "</script><img src=x onerror=alert(1)>\"'&",
    "Markdown": "|`*#[a](javascript:alert(1))~",
    "a formula": "=cmd|' /C calc'!A0",
    "mathematics": "$x_y^\\frac{1}{0}$",
    "a template": "{{ 7*7 }} %s {0} {x!r:>{y}}",
    "a huge number": "9" * 5000,
    "an infinite number": "1e999",
    "nested brackets": "(" * 2000 + ")" * 2000,
    "nested parameters": "unet(a=" * 500,
    "nested JSON": "[" * 3000,
    "a path": "../../../../etc/passwd",
    "a device": "/dev/zero",
    "a file's code": "./nowhere.py:Net",
    "a great probe": PROBE_TEXT.format(size=16, test=999_999_999),
    "a great frame": PROBE_TEXT.format(size=999_999_999, test=16),
    "a deep network": "plain(depth=1000000,norm=true)",
    "a wide layer": "unet(downs=none)+lambda(heads=1,keys=100000000)",
    "one of another kind": "supervised(batch=16,epochs=1)",
    "homoglyphs": "unet+l\u0430mbda",
}  # fmt: skip


def text_fields(annotation: Any, at: Place = ()) -> Iterator[Place]:
    """Yield where a model can hold a text: by its fields, `*` for any key or place, KEY for a key itself."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is str or origin is typing.Literal:
        yield at
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from text_fields(field.annotation, (*at, name))
    elif origin in (dict, Mapping):
        if inside[0] is str:
            yield (*at, "*", KEY)
        yield from text_fields(inside[1], (*at, "*"))
    elif origin in (tuple, list):
        for inner in dict.fromkeys(inside):
            yield from text_fields(inner, (*at, "*"))
    elif origin in (typing.Union, types.UnionType, typing.Annotated):
        for inner in inside:
            yield from text_fields(inner, at)


def found_at(value: Any, pattern: Place, at: Place = ()) -> Iterator[Place]:
    """Yield the places of JSON that a pattern of `text_fields` stands for."""
    if not pattern or pattern == (KEY,):
        if pattern or isinstance(value, str):
            yield (*at, *pattern)
        return
    first, rest = pattern[0], pattern[1:]
    if isinstance(value, dict):
        for key in value if first == "*" else [first] if first in value else ():
            yield from found_at(value[key], rest, (*at, key))
    elif isinstance(value, list) and first == "*":
        for key, inner in enumerate(value):
            yield from found_at(inner, rest, (*at, key))


def replaced(value: Any, at: Place, text: Any) -> Any:
    """Return JSON with another value at a place."""
    if not at:
        return text
    first, rest = at[0], at[1:]
    if rest == (KEY,):
        return {text if key == first else key: inner for key, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, rest, text) if key == first else inner for key, inner in enumerate(value)]
    return {key: replaced(inner, rest, text) if key == first else inner for key, inner in value.items()}


def unsealed(path: Path) -> dict[str, Any]:
    """Return the JSON of a sealed file without its digest."""
    fields: dict[str, Any] = json.loads(path.read_text())
    fields.pop(DIGEST)
    return fields


def write_sealed(path: Path, fields: dict[str, Any]) -> None:
    """Write JSON with its digest, whatever it holds: what no probekit writes, a stranger may."""
    path.write_text(json.dumps({**fields, DIGEST: compute_checksum(fields)}))


def fill(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result in which each container of texts holds one."""
    probe, *rest = result["plan"]["components"]  # the probe's code stays, or the run stands in no column
    used = [probe, *({**one, "files": {"w": "0" * 64}, "source": "0" * 64} for one in rest)]
    plan = {**result["plan"], "components": used, "noise": {"loss": 0.01}, "pins": {"torch": "2"}}
    plan |= {"spec": {**plan["spec"], "metrics": ["margin"]}, "added_metrics": ["margin"]}
    words = {name: {**result["behaviour"][name], "word": "x"} for name in ("structure", "training", "recipe")}
    told = {"unscored": {"ord": "why"}, "missing": {"flops": "why"}, "put_back": {"training": ["threads"]}}
    told["behaviour"] = {**result["behaviour"], **words}
    return {
        **result,
        "plan": plan,
        **told,
        "measured": {"receptive_radius": 3.0},
        "degenerate": ["it is dense"],
        "harder": {"loss": 0.1},
    }


def store_spoiled(run: Path, result: dict[str, Any]) -> Path:
    """Write a result and its plan in place of a run's, under the name they ask for; return the folder."""
    write_sealed(run / RESULT, result)
    write_sealed(run / SPEC, result["plan"])
    try:
        named = run.with_name(f"spoiled-{Plan.model_validate(result['plan']).identity[:12]}")
    except ValueError:  # a plan that is none is read under any name
        return run
    shutil.move(run, named)
    return named


def numbers(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield where in JSON a number lies."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield at
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from numbers(inner, (*at, key))
    for place, inner in enumerate(value) if isinstance(value, list) else ():
        yield from numbers(inner, (*at, place))


MAPPINGS = frozenset(
    (
        "pins", "probe", "structure", "training", "recipe", "files", "metrics", "train", "validation",
        "harder", "unscored", "controls", "floors", "intervals", "counts", "measured", "missing",
        "put_back", "noise",
    )
)  # fmt: skip
"""Fields whose keys are names that anybody may choose."""


def one_of_each(several: Iterable[Place]) -> list[Place]:
    """Return of the places that differ by a name in a mapping, or by a place in a list, the last alone."""
    return list({tuple(general(at)): at for at in several}.values())


def general(at: Place) -> Iterator[str | int]:
    """Yield the keys of a place, with `*` for one that anybody may choose."""
    for before, key in zip(("", *at), at, strict=False):
        yield "*" if isinstance(key, int) or (before in MAPPINGS and key != KEY) else key
