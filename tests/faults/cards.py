"""Stores are spoilt or made by a stranger, and cards are drawn of them: what is wrong is left out by name."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from small import PROBE, done

from faults.mutants import mutant
from faults.report import Trial, judged
from faults.spoil import WAYS
from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.markdown import card_to_markdown
from probekit.cards.tables import card_tables
from probekit.catalog.registry import registry
from probekit.cli.table import print_tables
from probekit.evidence.certify import certify_probe
from probekit.pages.page import render_page
from probekit.plugin.errors import StoreError
from probekit.storage.checksum import compute_checksum, encode_json
from probekit.storage.disk import FORCE_HINT
from probekit.storage.folder import LOG, RESULT, SPEC
from probekit.storage.store import Store

STRUCTURES = ("unet", "unet+average")
SCORES, MEASURED, WEIGHTS = "scores.safetensors", "measured.safetensors", "weights.safetensors"
SOON, MUCH = 60.0, 1 << 30
"""Seconds and bytes of memory that a card of a hostile store may take."""
PAGES = 10
"""Of so many spoilt stores one is drawn as a page, which takes a second."""


def made(folder: Path) -> Store:
    """Run two structures, and certify their probe."""
    for structure in STRUCTURES:
        done(folder, structure=structure)
    certify_probe(PROBE, "smoke", registry(), Store(folder), items=8, focus=False)
    return Store(folder)


def forms(store: Store, drawn: bool) -> tuple[str, str]:
    """Return a card in its forms that are text and, if asked for, as a page."""
    card = make_card(store, registry())
    text = [card.model_dump_json(), card_to_markdown(card), terminal(card)]
    return "\n".join(text), render_page(card, store, registry()) if drawn else ""


def terminal(card: Card) -> str:
    """Return what the command line prints of a card."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        print_tables(card_tables(card))
    return printed.getvalue()


def looked_at(store: Store, name: str, whole: tuple[str, str], drawn: bool) -> bool:
    """Tell whether a card is what it was; raises StoreError where it says that something of `name` is not.

    RuntimeError where it took too long or too much.
    """
    begun, before = time.process_time(), memory()
    text, shown = forms(store, drawn)
    if (taken := time.process_time() - begun) > SOON or memory() - before > MUCH:
        raise RuntimeError(f"{taken:.0f} s and {(memory() - before) >> 20} MiB")
    same = text == whole[0] and (not drawn or shown == whole[1])
    if not same and named(store, name, shown):
        raise StoreError(f"a card of {name}", "it is left out", FORCE_HINT)
    return same


def named(store: Store, name: str, shown: str) -> bool:
    """Tell whether a card says that a folder, or what is of it on the page, was left out."""
    said = make_card(store, registry()).left_out
    return (
        any(line.startswith(f"{name}: ") for line in said) or "drawn again: " in shown or "not drawn" in shown
    )


def memory() -> int:
    """Return the most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def of_spoilt(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Spoil each file that a card is made of, so many times in all its ways."""
    store = made(folder / "store")
    whole = forms(store, True)
    run = min(path for path in store.root.iterdir() if (path / RESULT).exists())
    certificate = next(store.root.glob("certificate-*"))
    for path in sorted([*run.iterdir(), *certificate.iterdir()]):
        content = path.read_bytes()
        if not content:
            continue
        chance = random.Random(f"{seed} card {path.name}")
        for number in range(times):
            way = (*WAYS,)[number % len(WAYS)]
            path.write_bytes(WAYS[way](content, chance))
            drawn = number % PAGES == 0
            same = lambda path=path, drawn=drawn: looked_at(store, path.parent.name, whole, drawn)  # noqa: E731
            yield judged(f"card, {path.name}", way, same)
        path.write_bytes(content)


def sealed_tensors(tensors: dict[str, torch.Tensor]) -> bytes:
    """Return tensors as a stranger would write them, saying nothing of themselves."""
    return save(tensors, metadata={"probekit": "{}"})


def edit(folder: Path, **fields: Any) -> None:
    """Change fields of a result, `plan__x` that of its plan, and make its digest anew."""
    result = json.loads((folder / RESULT).read_text())
    del result["digest"]
    for name, value in fields.items():
        inside = result["plan"] if name.startswith("plan__") else result
        inside[name.removeprefix("plan__")] = value
    # infinity among them, which version 0.1.0 stored
    (folder / RESULT).write_text(json.dumps({**result, "digest": compute_checksum(result)}))


def replace(folder: Path, name: str, content: bytes) -> None:
    """Put other content in a file, and say so in the result, with its digest made anew."""
    import hashlib

    (folder / name).write_bytes(content)
    files = json.loads((folder / RESULT).read_text())["files"]
    edit(folder, files={**files, name: hashlib.sha256(content).hexdigest()})


def instead(folder: Path, name: str, make: Callable[[Path], object]) -> None:
    """Put something that is no regular file in place of one."""
    (folder / name).unlink()
    make(folder / name)


def probe_of(folder: Path, **params: int) -> str:
    """Return the canonical text of a run's probe with other parameters."""
    from dataclasses import replace as other

    from probekit.catalog.grammar import parse_term

    term = parse_term(json.loads((folder / RESULT).read_text())["plan"]["probe"])
    return str(other(term, params=tuple(sorted({**dict(term.params), **params}.items()))))


ITEMS = 2_000_000
ROW = '{"step": %s, "loss": %s}\n'
HOSTILE: dict[str, Callable[[Path], object]] = {
    "JSON of 200,000 levels": lambda f: (f / RESULT).write_text("[" * 200_000 + "]" * 200_000),
    "a nested field": lambda f: (f / RESULT).write_text('{"plan": ' * 5000 + "1" + "}" * 5000),
    "a step of 400 digits": lambda f: replace(f, LOG, (ROW % ("9" * 400, "0.5")).encode() * 3),
    "losses of 1e308": lambda f: replace(f, LOG, b"".join((ROW % (n, "1e308")).encode() for n in range(9))),
    "a log of a million rows": lambda f: replace(f, LOG, (ROW % (1, 0.5)).encode() * 1_000_000),
    "rows of nested JSON": lambda f: replace(f, LOG, b"[" * 100_000 + b"\n"),
    "no leave to read": lambda f: f.chmod(0),
    "a fifo as result": lambda f: instead(f, RESULT, os.mkfifo),
    "a fifo as log": lambda f: instead(f, LOG, os.mkfifo),
    "/dev/zero as scores": lambda f: instead(f, SCORES, lambda p: p.symlink_to("/dev/zero")),
    "/dev/zero as result": lambda f: instead(f, RESULT, lambda p: p.symlink_to("/dev/zero")),
    "a folder as measured maps": lambda f: instead(f, MEASURED, Path.mkdir),
    "a sparse file of a terabyte": lambda f: os.truncate(f / WEIGHTS, 1 << 40),
    "a path out of the folder": lambda f: edit(f, files={"../../secret": "0" * 64}),
    "scores of another length": lambda f: replace(f, SCORES, sealed_tensors({"loss": torch.zeros(3)})),
    "scores of another dtype": lambda f: replace(f, SCORES, sealed_tensors({"loss": torch.zeros(16).long()})),
    "two million scores": lambda f: replace(f, SCORES, sealed_tensors({"loss": torch.zeros(ITEMS)})),
    "a map of 10,000 x 10,000": lambda f: replace(
        f, MEASURED, sealed_tensors({"receptive_field": torch.zeros(10_000, 10_000, dtype=torch.uint8)})
    ),
    "an infinite metric": lambda f: edit(f, metrics={"loss": 1e999}),
    "size=30000000": lambda f: edit(f, plan__probe=probe_of(f, size=30_000_000)),
    "ten million test items": lambda f: edit(f, plan__probe=probe_of(f, test=10_000_000)),
    "keys=10000000": lambda f: edit(f, plan__structure="unet(downs=none)+lambda(heads=1,keys=10000000)"),
    "depth=1000000": lambda f: edit(f, plan__structure="plain(depth=1000000,norm=true)"),
    "depth=1000": lambda f: edit(f, plan__structure="plain(depth=1000,norm=true)"),
    "width=10000000": lambda f: edit(f, plan__width=10_000_000),
    "a text of ten megabytes": lambda f: edit(f, plan__structure="unet" * 2_500_000),
    "escapes and markup": lambda f: edit(f, plan__structure="\x1b[2J<script>alert(1)</script>"),
}
"""What a stranger's store may hold in place of a run."""


def of_hostile(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Put each hostile thing in place of a run that was whole: the card must be made, soon, of the rest."""
    store = made(folder / "store")
    names = sorted(path.name for path in store.root.iterdir() if (path / RESULT).exists())
    for what, act in HOSTILE.items():
        there = folder / "hostile"
        shutil.copytree(store.root, there)
        act(there / names[0])

        def fine(there: Path = there) -> bool:
            begun, before = time.process_time(), memory()
            text, shown = forms(Store(there), True)
            taken, more = time.process_time() - begun, memory() - before
            if taken > SOON or more > MUCH:
                raise RuntimeError(f"{taken:.0f} s and {more >> 20} MiB")
            if "<script>alert" in shown or "\x1b" in text + shown:
                raise RuntimeError("markup or an escape got through")
            if any(line.startswith(f"{names[0]}: ") for line in make_card(Store(there), registry()).left_out):
                raise StoreError("a card", "it is left out", FORCE_HINT)
            return True  # a field that says otherwise than was run is no harm that a digest can tell

        yield judged("hostile stores", what, fine)
        (there / names[0]).chmod(0o755)
        shutil.rmtree(there)


def of_mutants(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Change a value in results and plans, digests made anew: cards are made, or say what is wrong."""
    store = made(folder / "store")
    run = min(path for path in store.root.iterdir() if (path / RESULT).exists())
    chance = random.Random(f"{seed} mutants")
    for number in range(times):
        name = (RESULT, SPEC)[number % 2]
        content = (run / name).read_bytes()
        fields = json.loads(content)
        fields.pop("digest")
        other = mutant(fields, chance)
        (run / name).write_bytes(
            encode_json(other) if isinstance(other, dict) else json.dumps(other).encode()
        )

        def fine(name: str = name, number: int = number) -> bool:
            if name == SPEC:
                plan = done(store.root, structure=STRUCTURES[0]).result.plan
                return plan.structure.startswith("unet") and len(store.reruns(plan)) == 1
            return bool(forms(store, number % (2 * PAGES) == 0))

        yield judged(f"mutants, {name}", "a value", fine)
        (run / name).write_bytes(content)
