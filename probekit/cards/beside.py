"""Beside its runs a store holds certificates, and what was chosen when rates were tuned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from probekit.cards.installed import question_now
from probekit.cards.names import Names
from probekit.cards.rebuild import certifying
from probekit.errors import StoreError
from probekit.evidence.certify import CERTIFICATE, Certificate
from probekit.runs.tune import CHOICE, Choice
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store


def rejected_rates(store: Store, left_out: list[str]) -> Iterator[str]:
    """Yield the identities of the runs whose rates were tried and not chosen."""
    for path in sorted(store.root.glob(f"tune-*/{CHOICE}")):
        try:
            yield from Choice.model_validate(Folder(path.parent).read_json(CHOICE)).rejected
        except (StoreError, ValidationError) as error:
            found = error.found if isinstance(error, StoreError) else "it is no whole choice"
            left_out.append(f"{path.parent.name}: {found}; `probekit run ... --tune` makes it anew")


def stored_certificates(store: Store, left_out: list[str]) -> Iterator[tuple[str, Certificate]]:
    """Yield the store's certificates, each with its folder's name."""
    for path in sorted(store.root.glob("certificate-*")):
        if not os.path.lexists(path / CERTIFICATE):
            continue
        try:
            yield path.name, Certificate.model_validate(Folder(path).read_json(CERTIFICATE))
        except (StoreError, ValidationError) as error:
            found = error.found if isinstance(error, StoreError) else "it is no whole certificate"
            left_out.append(f"{path.name}: {found}; `probekit certify` makes it anew")


def certificate_of(
    result: Result, certificates: Iterable[tuple[str, Certificate]], names: Names, left_out: list[str]
) -> Certificate | None:
    """Return the certificate of a run's probe; one of a probe that asks otherwise is left out.

    Where the store holds none it is the one that the probe came with, if that holds. A run of probekit 0.1,
    of which nothing is known, has that of the probe that is installed.
    """
    plan = result.plan
    question = result.behaviour.probe or question_now(names, plan.question[0]) or {}
    shipped = names.shipped(plan)
    chosen = shipped if shipped is not None and shipped.certifies(question) else None
    for name, certificate in certificates:
        if not names.certifies(certificate, plan):
            continue
        if certificate.certifies(question):
            chosen = certificate
        else:
            which = "another probe" if certificate.question else "an unknown probe"
            again = certifying(certificate.probe, certificate.scale)
            left_out.append(f"{name}: it is of {which} of that name; `{again}` makes it anew")
    return chosen
