"""Replaying a store takes the first steps of its runs again and says which of them still hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import console, near, say, still, tell
from probekit.cli.table import print_json, print_table
from probekit.errors import StoreError

if TYPE_CHECKING:
    from probekit.storage.store import Store

HEADS = ("run", "state", "why")


def replay_store(store: Store, everything: bool, allow_code: bool, as_json: bool) -> None:
    """Replay the runs of a store; exit 1 where one of them no longer comes out the same.

    everything: replay runs of released components too. allow_code: run the files that runs name.
    """
    from rich.progress import track

    from probekit.plans.stored import code_in
    from probekit.runs.holds import Holding, check_run
    from probekit.runs.machine import chosen_device

    device, rows = chosen_device(None), list[dict[str, str]]()
    runs = list(store.results())
    for folder, result in track(runs, "replaying", console=console(), transient=True, disable=still()):
        if isinstance(result, StoreError):
            holding = Holding("unknown", result.found)
        elif code_in(result.plan) and not allow_code:
            holding = Holding("unknown", "it names code to run; type --allow-code once you have read it")
        else:
            try:
                holding = check_run(folder, result, registry(), device, everything)
            except StoreError as error:
                holding = Holding("differs", error.found)
        rows.append({"run": str(near(folder.path)), "state": holding.state, "why": holding.why})
    states = Counter(row["state"] for row in rows)
    if as_json:
        print_json(rows)
    else:
        if shown := [row for row in rows if row["state"] not in ("holds", "pinned")]:
            print_table("", HEADS, [[row[name] for name in HEADS] for row in shown])
        counts = ", ".join(
            f"{states[state]} {words}"
            for state, words in (
                ("holds", "hold"),
                ("pinned", "are pinned by releases"),
                ("differs", "differ"),
                ("unknown", "could not be judged"),
            )
            if states[state]
        )
        tell(f"{len(rows)} runs in {near(store.root)}: {counts or 'none'}.")
    if states["differs"]:
        say("What differs is not reused: the command that made it runs it anew beside it.")
        raise typer.Exit(1)
