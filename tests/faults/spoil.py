"""Files of runs are spoilt, by a bit, a digit or a cut: none may pass for what it was."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from small import job

from faults.report import Trial, judged
from probekit.catalog.registry import registry
from probekit.runs.run import Outcome, run_job
from probekit.storage.folder import LOG
from probekit.storage.store import Store

WORDS = {"trainer": "supervised(batch=16,epochs=3)"}
STOP = 8
"""The step after which an unfinished run was stopped."""


class Stopped(KeyboardInterrupt):
    """As Ctrl-C: it ends a run between two rows and nothing catches it."""


def finished(store: Path) -> Outcome:
    """Run, or go on to the end."""
    return run_job(job(**WORDS), registry(), device="cpu", store=Store(store))


def unfinished(store: Path) -> Path:
    """Run until Ctrl-C, with a checkpoint after each row, and return the folder."""
    from probekit.runs import training

    def watch(stage: str, row: object) -> None:
        if stage == "train" and row["step"] == STOP:  # type: ignore[index]
            raise Stopped

    pause, training.FIRST = training.FIRST, 0.0
    share, training.SHARE = training.SHARE, 1e9
    try:
        run_job(job(**WORDS), registry(), device="cpu", store=Store(store), watch=watch)
    except Stopped:
        pass
    finally:
        training.FIRST, training.SHARE = pause, share
    (folder,) = (path.parent for path in store.glob("*/spec.json"))
    return folder


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Return the content with one bit turned."""
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def changed(content: bytes, chance: random.Random) -> bytes:
    """Return the content with one digit changed, one bit where it has none."""
    places = [place for place, byte in enumerate(content) if 48 <= byte < 58]
    if not places:
        return flipped(content, chance)
    place = chance.choice(places)
    other = 48 + (content[place] - 48 + chance.randrange(1, 10)) % 10
    return content[:place] + bytes([other]) + content[place + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    """Return the beginning of the content."""
    return content[: chance.randrange(len(content))]


WAYS = {"flipped": flipped, "changed": changed, "cut": cut}


def of_finished(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Spoil each file of a finished run, so many times each way: the run must not pass for done."""
    whole = finished(folder / "whole")
    names = sorted(path.name for path in whole.folder.path.iterdir() if path.stat().st_size)
    store = Store(folder / "whole")
    for name in names:
        path = whole.folder.path / name
        content = path.read_bytes()
        for way, spoil in WAYS.items():
            chance = random.Random(f"{seed} {name} {way}")
            for _ in range(times):
                path.write_bytes(spoil(content, chance))

                def same() -> bool:
                    found = store.find(whole.result.plan)
                    return found is not None and found[0] == whole.result

                yield judged(f"finished run, {name}", way, same)
        path.write_bytes(content)


def of_unfinished(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Spoil each file of an unfinished run: what goes on must end as it would have, or not go on."""
    whole = finished(folder / "end").result
    begun = unfinished(folder / "begun")
    log = whole_log(folder / "end")
    for name in sorted(path.name for path in begun.iterdir() if path.stat().st_size):
        content = (begun / name).read_bytes()
        for way, spoil in WAYS.items():
            chance = random.Random(f"{seed} {name} {way}")
            for number in range(times):
                store = folder / f"spoilt-{name}-{way}-{number}"
                shutil.copytree(begun.parent, store)
                (store / begun.name / name).write_bytes(spoil(content, chance))

                def same(store: Path = store) -> bool:
                    outcome = finished(store)  # in a new folder, where the old one is not gone on with
                    log_now = (outcome.folder.path / LOG).read_bytes()
                    return outcome.result.weights == whole.weights and [log_now] == log

                yield judged(f"unfinished run, {name}", way, same)
                shutil.rmtree(store)


def whole_log(store: Path) -> list[bytes]:
    """Return the logs of a store."""
    return [path.read_bytes() for path in sorted(store.glob(f"*/{LOG}"))]
