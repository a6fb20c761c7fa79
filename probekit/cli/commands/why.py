"""`probekit why` says why a stored run is or is not reused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import tell
from probekit.cli.options import Device
from probekit.cli.table import print_json
from probekit.errors import UsageError


def why(
    run: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder.")],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python files that the run names.")
    ] = False,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Say why a stored run would be reused, or not, if it were asked for again now.

    The run's first three training steps are taken again, and its weights are asked for their answers to
    sixteen test items. A run is reused where the numbers agree.

    Example: probekit why probekit-runs/nonlocality-unet-lambda-quick-s0-0123456789ab
    """
    from probekit.plans.stored import code_in
    from probekit.runs.holds import check_run
    from probekit.runs.machine import chosen_device
    from probekit.storage.folder import RESULT, Folder

    folder = Folder(run.expanduser().absolute())
    if not (folder.path / RESULT).is_file():
        missing = "there is no such folder" if not folder.path.is_dir() else "it holds no finished run"
        raise UsageError(f"why {run}", missing, "`probekit runs` lists the finished runs of a store.")
    result = folder.read_result()
    if (files := code_in(result.plan)) and not allow_code:
        hint = "Read that code; then type --allow-code."
        raise UsageError(f"why {run}", f"the run names code to run: {', '.join(files)}", hint)
    holding = check_run(folder, result, registry(), chosen_device(device), everything=False)
    spec = result.plan.spec
    if as_json:
        print_json({"folder": str(run), "state": holding.state, "why": holding.why})
        return
    words = {
        "holds": "would be reused: it was replayed, and",
        "pinned": "would be reused without a replay:",
        "differs": "would not be reused:",
        "unknown": "cannot be judged:",
    }
    asked = f"{spec.structure} on {spec.probe}, scale {spec.scale}, seed {spec.seed}"
    tell(f"{asked} {words[holding.state]} {holding.why}.")
    if holding.state == "differs":
        tell("The same command makes a new run beside it; this one is kept.")
