"""`probekit data` draws some of a probe's items, or writes a whole split to files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.cli.messages import note
from probekit.cli.progress import Progress
from probekit.errors import ProbekitError, UsageError, explain_refusal
from probekit.items import batch

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.interfaces import Dataset

BATCH = 256


def data(
    probe: Annotated[str, typer.Argument(metavar="PROBE", help="As nonlocality or nonlocality(size=64).")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    scale: Annotated[str, typer.Option(help="One of the probe's scales.")] = "quick",
    seed: Annotated[int, typer.Option(min=0, help="Of the training split.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Items in the preview.")] = 4,
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE", help="[default: PROBE-SCALE-SPLIT.png]")
    ] = None,
    safetensors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the split: tensors `inputs` and `targets`.")
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the split as PNGs: 00000-input.png, 00000-target.png."),
    ] = None,
) -> None:
    """Draw the first items of a split into a picture; with --safetensors or --png, write the whole split
    instead.

    Nothing is overwritten.

    Example: probekit data nonlocality --scale paper --count 6
    """
    from probekit.plans.data import data as split_of
    from probekit.plans.plan import readable

    found = split_of(probe, split=split, scale=scale, seed=seed)  # type: ignore[arg-type]
    target = None
    if safetensors is None and png is None:
        target = preview or Path(f"{readable(probe)}-{scale}-{split}.png")
    free(*(path for path in (safetensors, png, target) if path is not None))
    try:
        with Progress() as progress:
            if safetensors is not None:
                write_safetensors(found, safetensors, progress)
            if png is not None:
                write_pngs(found, png, progress)
        if target is not None:
            draw(f"{probe}, scale {scale}, {split} split, seed {seed}", found, count, target)
    except OSError as error:
        found_out, hint = explain_refusal(error, "Make room, or name another place.")
        raise ProbekitError(f"writing {error.filename or 'the split'}", found_out, hint) from error


def free(*paths: Path) -> None:
    """Raise UsageError where there is something already."""
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(f"writing {path}", "it is there already", "Name another place, or move it away.")


def draw(title: str, found: Dataset, count: int, path: Path) -> None:
    """Draw the first items, a row each."""
    from probekit.scores.pictures import Strip, grid

    inputs, targets = batch(found, range(min(count, len(found))))
    strips = [Strip(f"#{i}", item) for i, item in enumerate(zip(inputs, targets, strict=True))]
    path.write_bytes(grid(title, ("input", "target"), strips))
    note(f"drew {len(strips)} of {len(found):,} items into {path}")


def batches(found: Dataset, progress: Progress) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield the whole split: the place of a batch's first item, its inputs and its targets."""
    for start in range(0, len(found), BATCH):
        stop = min(start + BATCH, len(found))
        yield start, *batch(found, range(start, stop))
        progress.watch("write", {"step": stop, "steps": len(found)})


def write_safetensors(found: Dataset, path: Path, progress: Progress) -> None:
    """Write all inputs and targets as float32; the file appears once it is whole."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    columns = tuple(item.new_empty(len(found), *item.shape) for item in found[0])
    for start, *parts in batches(found, progress):
        for column, part in zip(columns, parts, strict=True):
            column[start : start + len(part)] = part
    draft = path.with_name(f".{path.name}.draft")
    try:
        save_file(dict(zip(("inputs", "targets"), columns, strict=True)), draft)
        draft.replace(path)
    except SafetensorError as error:  # how it says that the disk refused
        raise OSError(0, str(error), str(path)) from error
    finally:
        draft.unlink(missing_ok=True)
    note(f"wrote {len(found):,} items into {path}")


def write_pngs(found: Dataset, folder: Path, progress: Progress) -> None:
    """Write inputs in colour and targets in grey: 8 bits, exact for colours, targets times 255 rounded."""
    from matplotlib.image import imsave

    from probekit.scores.pictures import default_style

    folder.mkdir(parents=True)
    with default_style():
        for start, *parts in batches(found, progress):
            for name, part in zip(("input", "target"), parts, strict=True):
                for place, tensor in enumerate(part, start):
                    values = tensor if tensor.ndim == 3 else tensor[:, None]
                    pixels = (values.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
                    picture = pixels if pixels.shape[2] == 3 else pixels[..., :1].repeat(3, axis=2)
                    imsave(folder / f"{place:05d}-{name}.png", picture)
    note(f"wrote {len(found):,} items into {folder}")
