"""`probekit card` shows which structure has which property, how sure that is, and where it fails."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import (
    JobsOption,
    MarkdownOption,
    MinutesOption,
    StoreOption,
    ThreadsOption,
    UntilDecidedOption,
    parse_seed_count,
)
from probekit.cli.table import print_json, print_tables
from probekit.plugin.errors import UsageError
from probekit.terminal.messages import print_error, print_info, write_file

if TYPE_CHECKING:
    from probekit.cards.card import Card
    from probekit.catalog.registry import Registry
    from probekit.plans.job import Job
    from probekit.schedule.event import Report
    from probekit.schedule.schedule import Schedule
    from probekit.storage.store import Store


def show_card(
    structures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STRUCTURE]...", help="Structures, for example unet+lambda.  [default: all stored]"
        ),
    ] = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", metavar="PROBE", help="Probe to include; repeatable.  [default: all stored]"),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Include only this scale.  [default: all stored]")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page with pictures to FILE.")
    ] = None,
    md: MarkdownOption = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a LaTeX table to FILE; - is stdout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
    with_survey: Annotated[
        bool, typer.Option("--with-survey", help="Add the shipped survey's rows on the same data.")
    ] = False,
    run: Annotated[bool, typer.Option("--run", help="First run what is not stored yet.")] = False,
    seeds: Annotated[
        int,
        typer.Option(metavar="K", parser=parse_seed_count, help="With --run: run seeds 0 to K - 1."),
    ] = 3,
    trainer: Annotated[str, typer.Option(help="With --run: trainer, as in `probekit run`.")] = "supervised",
    width: Annotated[
        int | None, typer.Option(help="With --run: number of channels, as in `probekit run`.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="With --run: number of parameters, as in `probekit run`.")
    ] = None,
    recipes: Annotated[
        bool,
        typer.Option(help="With --run: where the first recipe does not fit, take the best of three."),
    ] = True,
    until_decided: UntilDecidedOption = False,
    minutes: MinutesOption = None,
    device: Annotated[str | None, typer.Option(help="With --run: device, as in `probekit run`.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="With --run: time limit per run, as in `probekit run`."),
    ] = None,
    jobs: JobsOption = None,
    threads: ThreadsOption = None,
    store: StoreOption = None,
) -> None:
    """Show a report card: one row per structure, one column per property.

    Scores are normalised: 0% is the best baseline that lacks the property, 100% is a perfect answer.
    Differences allow for the noise between seeds and test items. A probe with other parameters, another
    version or another scale has its own column. With --run, the scale is quick unless you choose another.
    FILE is overwritten.

    Example: probekit card unet unet+lambda --probe nonlocality --html card.html
    """
    from probekit.cards.assemble import make_card
    from probekit.cli.schedule import make_schedule
    from probekit.rows.with_survey import make_card_with_survey
    from probekit.storage.store import Store
    from probekit.terminal.follow import follow_schedule
    from probekit.terminal.until_decided import follow_until_decided

    run_store = Store(store)
    options = {"scale": scale or "quick", "width": width, "budget": budget, "trainer": trainer}
    complete = True
    if (until_decided and not run) or (minutes is not None and not until_decided):
        hint = "Type --run --until-decided, with or without --minutes M."
        raise UsageError("--until-decided" if until_decided else "--minutes", "nothing is run", hint)
    if run:  # a schedule starts torch's threads, which a card of stored runs does not need
        schedule = make_schedule(run_store, device=device, timeout=timeout, jobs=jobs, threads=threads)
        follow = (
            functools.partial(follow_until_decided, minutes=minutes) if until_decided else follow_schedule
        )
        complete = run_missing(run_store, structures, probes, seeds, options, schedule, follow, recipes)
    words = ["probekit", "card", *(structures or [])]
    words += [word for probe in probes or [] for word in ("--probe", probe)]
    words += ["--scale", scale] if scale else []
    words += ["--with-survey"] * with_survey
    words += [
        word
        for option, path in (("--html", html), ("--md", md), ("--latex", latex))
        if path
        for word in (option, path.name)
    ]
    make = make_card_with_survey if with_survey else make_card
    card = make(run_store, registry(), structures or (), probes or (), scale, shlex.join(words))
    if html is not None:
        write_file(html, make_page(card, run_store, structures, probes))
    if md is not None:
        write_file(md, make_markdown(card))
    if latex is not None:
        from probekit.pages.latex import card_to_latex

        write_file(latex, card_to_latex(card))
    if as_json:
        print_json(card.model_dump(mode="json"))
    elif html is None and md is None and latex is None:
        from probekit.cards.tables import card_tables

        print_tables(card_tables(card))
    else:
        for line in card.omissions:
            print_info(f"left out: {line}")
    if not complete:
        raise typer.Exit(1)


def make_page(card: Card, store: Store, structures: list[str] | None, probes: list[str] | None) -> str:
    """Return the card as HTML."""
    from probekit.pages.page import render_page

    return render_page(card, store, registry(), structures or (), probes or ())


def make_markdown(card: Card) -> str:
    """Return the card as Markdown."""
    from probekit.cards.markdown import card_to_markdown

    return card_to_markdown(card)


def run_missing(
    store: Store,
    structures: list[str] | None,
    probes: list[str] | None,
    seeds: int,
    options: dict[str, Any],
    schedule: Schedule,
    follow: Callable[[Schedule, list[Job], Registry], Report],
    recipes: bool,
) -> bool:
    """Run what is not stored yet, and print what fails.

    Args:
        store: the store.
        structures: the structures; None runs all that the store contains.
        probes: the probes; None runs all that the store contains.
        seeds: number of seeds.
        options: scale, width, budget and trainer.
        schedule: how the runs are carried out.
        follow: carries them out, once or until verdicts are decided.
        recipes: try two more recipes where the first does not fit, at scales that decide.

    Returns:
        Whether every run succeeded.

    Raises:
        UsageError: there is nothing to run, or the store names Python files to execute.
    """
    from probekit.catalog.grammar import list_files
    from probekit.schedule.grid import plan_grid
    from probekit.terminal.follow import make_interrupted

    if not (structures and probes):
        stored_structures, stored_probes = list_stored(store)
        texts = (*stored_structures, *stored_probes)
        if files := sorted({name for text in texts for name in list_files(text)}):
            raise UsageError(
                "card --run",
                f"runs in {store.root} name Python files: {', '.join(files)}",
                "Read these files, then type the structures and probes to run.",
            )
        structures, probes = structures or stored_structures, probes or stored_probes
    if not (structures and probes):
        raise UsageError(
            "card --run",
            f"{store.root} contains no runs, so there is nothing to run",
            "Type structures and probes, as in `probekit card unet unet+lambda --probe nonlocality --run`.",
        )
    grid = plan_grid(probes, structures, range(seeds), options, registry())
    for message in dict.fromkeys(map(str, grid.errors)):
        print_error(message)
    planned_jobs = choose_recipes(schedule, grid.jobs) if recipes else grid.jobs
    done = follow(schedule, planned_jobs, registry())
    if done.interruption:
        raise make_interrupted(done.interruption)
    if failed := done.count("failed", "interrupted"):
        print_error(f"{failed} of {len(grid.jobs)} runs failed; the card counts them.")
    return not (failed or grid.errors)


def choose_recipes(schedule: Schedule, jobs: Sequence[Job]) -> list[Job]:
    """Return jobs, those at scales that decide with the best of three recipes where the first does not fit.

    A trainer without a learning rate has one recipe.
    """
    from probekit.schedule.tuning import RATE
    from probekit.terminal.follow import follow_tuning

    tunable = [
        job
        for job in jobs
        if RATE in job.trainer.params and (job.plan.scale not in job.probe.scales or decides(job))
    ]
    rest = [job for job in jobs if job not in tunable]
    return follow_tuning(schedule, tunable, registry(), unfitted_only=True) + rest


def decides(job: Job) -> bool:
    """Tell whether a job's scale supports a verdict."""
    return job.probe.scales[job.plan.scale].decides


def list_stored(store: Store) -> tuple[list[str], list[str]]:
    """Return the structures and the probes that a store contains, as they were typed."""
    from probekit.cards.names import is_control
    from probekit.plugin.errors import StoreError

    plans = [result.plan for _, result in store.read_results() if not isinstance(result, StoreError)]
    structures = {plan.spec.structure for plan in plans if not is_control(plan)}
    return sorted(structures), sorted({plan.spec.probe for plan in plans})
