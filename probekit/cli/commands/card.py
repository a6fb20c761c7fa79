"""`probekit card` shows what a store says of structures: which property each has, how surely, and where it
fails."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import note, say, write
from probekit.cli.options import Jobs, Kept, Markdown, Threads
from probekit.cli.table import print_json, print_tables
from probekit.errors import UsageError

if TYPE_CHECKING:
    from probekit.cards.card import Card
    from probekit.schedule.schedule import Schedule
    from probekit.storage.store import Store


def card(
    structures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STRUCTURE]...", help="As unet+lambda.  [default: all stored]"),
    ] = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", metavar="PROBE", help="May be given several times.  [default: all stored]"),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="One scale alone.  [default: all stored]")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures.")] = None,
    md: Markdown = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
    run: Annotated[bool, typer.Option("--run", help="First run what is missing.")] = False,
    seeds: Annotated[int, typer.Option(metavar="K", min=1, help="With --run: seeds 0 to K - 1.")] = 3,
    trainer: Annotated[str, typer.Option(help="With --run: as for run.")] = "supervised",
    width: Annotated[int | None, typer.Option(help="With --run: as for run.")] = None,
    budget: Annotated[int | None, typer.Option(help="With --run: as for run.")] = None,
    device: Annotated[str | None, typer.Option(help="With --run: as for run.")] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="With --run: as for run.")
    ] = None,
    jobs: Jobs = None,
    threads: Threads = None,
    store: Kept = None,
) -> None:
    """Show structures x properties from the store: places between floor and perfect, with their intervals.

    Several structures are compared seed by seed; probes of other parameters, versions or scales are columns
    of their own. With --run the scale is quick unless another is named. FILE is written over.

    Example: probekit card unet unet+lambda --probe nonlocality --html card.html
    """
    from probekit.cards.assemble import make_card
    from probekit.cli.schedule import make_schedule
    from probekit.storage.store import Store

    where = Store(store)
    asked = {"scale": scale or "quick", "width": width, "budget": budget, "trainer": trainer}
    schedule = make_schedule(where, device=device, timeout=timeout, jobs=jobs, threads=threads)
    fine = not run or run_missing(where, structures, probes, seeds, asked, schedule)
    words = ["probekit", "card", *(structures or [])]
    words += [word for probe in probes or [] for word in ("--probe", probe)]
    words += ["--scale", scale] if scale else []
    words += [word for name, path in (("--html", html), ("--md", md)) if path for word in (name, path.name)]
    found = make_card(where, registry(), structures or (), probes or (), scale, shlex.join(words))
    if html is not None:
        write(html, page_of(found, where, structures, probes))
    if md is not None:
        write(md, markdown_of(found))
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif html is None and md is None:
        from probekit.cards.tables import tables

        print_tables(tables(found))
    else:
        for line in found.omissions:
            note(f"left out: {line}")
    if not fine:
        raise typer.Exit(1)


def page_of(found: Card, store: Store, structures: list[str] | None, probes: list[str] | None) -> str:
    """Return the card as HTML."""
    from probekit.pages.page import page

    return page(found, store, registry(), structures or (), probes or ())


def markdown_of(found: Card) -> str:
    """Return the card as Markdown."""
    from probekit.cards.markdown import markdown

    return markdown(found)


def run_missing(
    store: Store,
    structures: list[str] | None,
    probes: list[str] | None,
    seeds: int,
    asked: dict[str, Any],
    schedule: Schedule,
) -> bool:
    """Run what is not stored yet: what was named, else all structures and probes that the store holds.

    Tell whether all of it is there now; what is not is said.
    """
    from probekit.catalog.grammar import file_names
    from probekit.cli.follow import follow_schedule, make_interrupted
    from probekit.schedule.grid import plan_grid

    if not (structures and probes):
        held = stored(store)
        if files := sorted({name for text in (*held[0], *held[1]) for name in file_names(text)}):
            found = f"{store.root} names code to run: {', '.join(files)}"
            raise UsageError(
                "card --run", found, "Read that code; then name the structures and probes you mean."
            )
        structures, probes = structures or held[0], probes or held[1]
    if not (structures and probes):
        raise UsageError(
            "card --run",
            f"{store.root} holds no runs, so that it does not say what to run",
            "Name structures and probes, as `probekit card unet unet+lambda --probe nonlocality --run`.",
        )
    grid = plan_grid(probes, structures, range(seeds), asked, registry())
    for message in dict.fromkeys(map(str, grid.errors)):
        say(message)
    done = follow_schedule(schedule, grid.jobs, registry())
    if done.interruption:
        raise make_interrupted(done.interruption)
    if failed := done.count("failed", "interrupted"):
        say(f"{failed} of {len(grid.jobs)} runs failed; the card counts them.")
    return not (failed or grid.errors)


def stored(store: Store) -> tuple[list[str], list[str]]:
    """Return the structures and the probes that a store holds, as asked."""
    from probekit.cards.names import is_control
    from probekit.errors import StoreError

    plans = [found.plan for _, found in store.results() if not isinstance(found, StoreError)]
    structures = {plan.spec.structure for plan in plans if not is_control(plan)}
    return sorted(structures), sorted({plan.spec.probe for plan in plans})
