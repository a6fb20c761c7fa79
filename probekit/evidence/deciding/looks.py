"""Looks: at how many seeds a structure is judged when seeds are added until its verdict is decided."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError
from probekit.scores.interval import CONFIDENCE
from probekit.storage.folder import Folder
from probekit.storage.store import Store

LOOKS = (3, 4, 5, 6, 8, 10)
"""Numbers of seeds at which a structure is judged."""
LOOK_CONFIDENCE = 1 - (1 - CONFIDENCE) / len(LOOKS)
"""The level of each look. All looks together are wrong with the probability of one judgement (Bonferroni)."""
TOPIC, FILE = "looks", "looks.json"


class Looks(BaseModel):
    """The looks at one structure on one probe, as the store keeps them.

    Attributes:
        probe, structure, scale: As requested.
        seeds: With how many seeds it was judged, in order.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    structure: str
    scale: str
    seeds: tuple[int, ...] = ()


EMPTY = Looks(probe="", structure="", scale="")
"""The looks of a record that cannot be read."""


def read_looks(root: Path, plan: Plan) -> Looks | None:
    """Return the looks at a plan's structure in the store with this root, None without any.

    A record that cannot be read counts as one without a number: its structure was looked at.
    """
    record = read_record(Folder(root / plan.name_file(TOPIC)))
    return make_looks(plan) if record is EMPTY else record


def read_record(folder: Folder) -> Looks | None:
    """Return the looks in a folder; None without a record, EMPTY if it cannot be read."""
    if not (folder.path / FILE).is_file():
        return None
    try:
        return Looks.model_validate(folder.read_json(FILE))
    except (StoreError, ValidationError):
        return EMPTY


def record_look(store: Store, plan: Plan, seeds: int) -> Looks:
    """Record in the store that a plan's structure is judged with so many seeds; return all its looks.

    Raises:
        StoreError: The store cannot be written.
    """
    looks = read_looks(store.root, plan) or make_looks(plan)
    if seeds not in looks.seeds:
        looks = looks.model_copy(update={"seeds": tuple(sorted((*looks.seeds, seeds)))})
        store.aux_folder(plan.name_file(TOPIC)).write_json(FILE, looks.model_dump(mode="json"))
    return looks


def merge_looks(into: Store, source: Store) -> None:
    """Add the looks of another store to those of this one; copied runs were looked at as often.

    Raises:
        StoreError: The store cannot be written.
    """
    for path in sorted(source.root.glob(f"{TOPIC}-*/{FILE}")):
        name = path.parent.name
        records = [read_record(Folder(root / name)) for root in (source.root, into.root)]
        known = next((record for record in records if record is not None and record.probe), EMPTY)
        seeds = {number for record in records if record is not None for number in record.seeds}
        merged = known.model_copy(update={"seeds": tuple(sorted(seeds))})
        if merged != records[1]:
            into.aux_folder(name).write_json(FILE, merged.model_dump(mode="json"))


def make_looks(plan: Plan) -> Looks:
    """Return a record without a look."""
    return Looks(probe=plan.spec.probe, structure=plan.spec.structure, scale=plan.scale)


def find_next_look(looks: Looks | None, seeds: int) -> int | None:
    """Return with how many seeds to judge next, after `seeds`; None after six looks, or after ten seeds."""
    if looks is not None and len(looks.seeds) >= len(LOOKS):
        return None
    return next((look for look in LOOKS if look > seeds), None)


def find_confidence(looks: Looks | None) -> float:
    """Return the level at which a structure is judged: a higher one if it is looked at repeatedly."""
    return CONFIDENCE if looks is None else LOOK_CONFIDENCE
