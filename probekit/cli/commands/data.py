"""`probekit data` plots items of a probe, or exports a split to files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.plugin.errors import ProbekitError, UsageError, explain_os_error
from probekit.plugin.items import read_batch
from probekit.terminal.messages import print_info
from probekit.terminal.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.plugin.interfaces import Dataset

BATCH_SIZE = 256


def export_data(
    probe: Annotated[
        str, typer.Argument(metavar="PROBE", help="Probe, for example nonlocality or nonlocality(size=64).")
    ],
    split: Annotated[str, typer.Option(help="Split: train, validation or test.")] = "test",
    scale: Annotated[
        str, typer.Option(help="Scale of the probe, for example smoke, quick or paper.")
    ] = "quick",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training split.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Number of items in the picture.")] = 4,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of the picture.  [default: PROBE-SCALE-SPLIT.png]"),
    ] = None,
    safetensors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Export the split to FILE, as tensors `inputs` and `targets`."),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Export the split to DIR, as 00000-input.png, 00000-target.png and so on."
        ),
    ] = None,
) -> None:
    """Plot the first items of a split, or export the whole split with --safetensors or --png.

    Existing files are never overwritten.

    Example: probekit data nonlocality --scale paper --count 6
    """
    from probekit.plans.data import data as draw_split
    from probekit.plans.plan import slugify

    dataset = draw_split(probe, split=split, scale=scale, seed=seed)  # type: ignore[arg-type]
    picture = None
    if safetensors is None and png is None:
        picture = preview or Path(f"{slugify(probe)}-{scale}-{split}.png")
    check_free(*(path for path in (safetensors, png, picture) if path is not None))
    try:
        with Progress() as progress:
            if safetensors is not None:
                write_safetensors(dataset, safetensors, progress)
            if png is not None:
                write_pngs(dataset, png, progress)
        if picture is not None:
            plot_items(f"{probe}, scale {scale}, {split} split, seed {seed}", dataset, count, picture)
    except OSError as error:
        reason, hint = explain_os_error(error, "Free some disk space, or choose another path.")
        raise ProbekitError(f"writing {error.filename or 'the split'}", reason, hint) from error


def check_free(*paths: Path) -> None:
    """Raise UsageError if one of these paths exists."""
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(f"writing {path}", "it already exists", "Choose another path, or move it away.")


def plot_items(title: str, dataset: Dataset, count: int, path: Path) -> None:
    """Plot the first items, one row each, into a PNG file."""
    from probekit.scores.pictures import GridRow, draw_grid

    inputs, targets = read_batch(dataset, range(min(count, len(dataset))))
    strips = [GridRow(f"#{index}", item) for index, item in enumerate(zip(inputs, targets, strict=True))]
    path.write_bytes(draw_grid(title, ("input", "target"), strips))
    print_info(f"wrote a picture of {len(strips)} of {len(dataset):,} items to {path}")


def iterate_batches(dataset: Dataset, progress: Progress) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield (index of the first item, inputs, targets) for each batch of a dataset."""
    for start in range(0, len(dataset), BATCH_SIZE):
        stop = min(start + BATCH_SIZE, len(dataset))
        yield start, *read_batch(dataset, range(start, stop))
        progress.update("write", {"step": stop, "steps": len(dataset)})


def write_safetensors(dataset: Dataset, path: Path, progress: Progress) -> None:
    """Write all inputs and targets as float32; the file appears only when it is complete."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    columns = tuple(tensor.new_empty(len(dataset), *tensor.shape) for tensor in dataset[0])
    for start, *parts in iterate_batches(dataset, progress):
        for column, part in zip(columns, parts, strict=True):
            column[start : start + len(part)] = part
    draft = path.with_name(f".{path.name}.draft")
    try:
        save_file(dict(zip(("inputs", "targets"), columns, strict=True)), draft)
        draft.replace(path)
    except SafetensorError as error:  # safetensors wraps the OSError of a full disk
        raise OSError(0, str(error), str(path)) from error
    finally:
        draft.unlink(missing_ok=True)
    print_info(f"wrote {len(dataset):,} items to {path}")


def write_pngs(dataset: Dataset, folder: Path, progress: Progress) -> None:
    """Write inputs as RGB and targets as grey PNGs of 8 bits; values are multiplied by 255 and rounded."""
    from matplotlib.image import imsave

    from probekit.scores.pictures import default_style

    folder.mkdir(parents=True)
    with default_style():
        for start, *parts in iterate_batches(dataset, progress):
            for name, part in zip(("input", "target"), parts, strict=True):
                for index, tensor in enumerate(part, start):
                    values = tensor if tensor.ndim == 3 else tensor[:, None]
                    pixels = (values.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
                    image = pixels if pixels.shape[2] == 3 else pixels[..., :1].repeat(3, axis=2)
                    imsave(folder / f"{index:05d}-{name}.png", image)
    print_info(f"wrote {len(dataset):,} items to {folder}")
