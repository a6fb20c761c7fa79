"""`probekit data` draws some of a probe's items, or writes a whole split to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.cli.messages import note
from probekit.cli.progress import Progress
from probekit.errors import UsageError

if TYPE_CHECKING:
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
    """Draw the first items of a split into a picture; with --safetensors or --png, write the whole split instead.

    Nothing is overwritten.

    Example: probekit data nonlocality --scale paper --count 6
    """
    from probekit.front import data as split_of
    from probekit.plan import readable

    found = split_of(probe, split=split, scale=scale, seed=seed)  # type: ignore[arg-type]
    with Progress() as progress:
        if safetensors is not None:
            free(safetensors)
            write_safetensors(found, safetensors, progress)
        if png is not None:
            free(png)
            write_pngs(found, png, progress)
    if safetensors is None and png is None:
        target = preview or Path(f"{readable(probe)}-{scale}-{split}.png")
        free(target)
        draw(f"{probe}, scale {scale}, {split} split, seed {seed}", found, count, target)


def free(path: Path) -> None:
    """Raise UsageError where there is something already."""
    if path.exists():
        raise UsageError(f"writing {path}", "it is there already", "Name another place, or move it away.")


def draw(title: str, found: Dataset, count: int, path: Path) -> None:
    """Draw the first items, a row each."""
    from probekit.draw import Strip, grid

    items = found.__getitems__(range(min(count, len(found))))
    strips = [Strip(f"#{index}", item) for index, item in enumerate(items)]
    path.write_bytes(grid(title, ("input", "target"), strips))
    note(f"drew {len(strips)} of {len(found):,} items into {path}")


def write_safetensors(found: Dataset, path: Path, progress: Progress) -> None:
    """Write all inputs and targets as float32."""
    import torch
    from safetensors.torch import save_file

    columns: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for start in range(0, len(found), BATCH):
        for item in found.__getitems__(range(start, min(start + BATCH, len(found)))):
            for column, tensor in zip(columns, item, strict=True):
                column.append(tensor)
        progress.watch("write", {"step": len(columns[0]), "steps": len(found)})
    save_file({"inputs": torch.stack(columns[0]), "targets": torch.stack(columns[1])}, path)
    note(f"wrote {len(found):,} items into {path}")


def write_pngs(found: Dataset, folder: Path, progress: Progress) -> None:
    """Write inputs in colour and targets in grey: 8 bits, exact for colours, targets times 255 rounded."""
    from matplotlib.image import imsave

    folder.mkdir(parents=True)
    for start in range(0, len(found), BATCH):
        for place, item in enumerate(found.__getitems__(range(start, min(start + BATCH, len(found))))):
            for name, tensor in zip(("input", "target"), item, strict=True):
                values = tensor if tensor.ndim == 3 else tensor[:, None]
                pixels = (values.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
                picture = pixels if pixels.shape[2] == 3 else pixels[..., :1].repeat(3, axis=2)
                imsave(folder / f"{start + place:05d}-{name}.png", picture)
        progress.watch("write", {"step": min(start + BATCH, len(found)), "steps": len(found)})
    note(f"wrote {len(found):,} items into {folder}")
