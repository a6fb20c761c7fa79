"""A choice is the learning rate that tuning chose for one structure, as the store keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError
from probekit.storage.folder import Folder
from probekit.storage.store import Store

CHOICE = "choice.json"


class Choice(BaseModel):
    """The learning rate chosen for one structure.

    Attributes:
        metric: The headline metric.
        tried: The validation score by rate.
        rate: The chosen rate.
        trainer: The text of the trainer with that rate.
        rejected: The identities of runs with rates that were neither typed nor chosen; no card counts them.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    structure: str
    scale: str = ""
    metric: str
    tried: dict[float, float | None]
    rate: float
    trainer: str
    rejected: tuple[str, ...] = ()

    def describe_choice(self) -> str:
        """Return the choice and the scores in one sentence."""
        scores = ", ".join(
            f"{rate:g}: {'failed' if score is None else f'{score:.4f}'}" for rate, score in self.tried.items()
        )
        choice = f"lr {self.rate:g} chosen on validation {self.metric} ({scores})"
        return f"{self.structure} on {self.probe}: {choice}"


def rejected_rates(store: Store, left_out: list[str]) -> Iterator[str]:
    """Yield the identities of runs whose learning rate was tried and not chosen."""
    for choice in read_choices(store.root, left_out):
        yield from choice.rejected


def read_choices(root: Path, left_out: list[str]) -> Iterator[Choice]:
    """Yield the choices of learning rates that the store with this root keeps."""
    for path in sorted(root.glob(f"tune-*/{CHOICE}")):
        try:
            yield Choice.model_validate(Folder(path.parent).read_json(CHOICE))
        except (StoreError, ValidationError) as error:
            message = error.problem if isinstance(error, StoreError) else "it is not a complete choice"
            left_out.append(f"{path.parent.name}: {message}; `probekit run ... --tune` makes a new one")


def find_choice(choices: Iterable[Choice], plan: Plan) -> Choice | None:
    """Return the choice of a plan's trainer as the best of its candidates; None if it was not tuned."""
    spec = plan.spec
    wanted = (spec.probe, spec.structure, spec.scale, spec.trainer)
    return next(
        (
            choice
            for choice in choices
            if (choice.probe, choice.structure, choice.scale, choice.trainer) == wanted
        ),
        None,
    )
