"""Networks as they are: depth estimators of Hugging Face transformers, put to a probe without training, as
figure 1 of Courtois et al. 2022 puts networks trained on photographs to rectangles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.errors import UsageError
from probekit.interfaces import Shape
from probekit_plugins.structures.merging import guided

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, where a model says nothing else."""
LEAST = 1e-3
"""Metres: what is nearer counts as this far."""
SETTINGS = "preprocessor_config.json"
NEAR = 32
"""Into how many parts the shorter side of an estimate is divided to see what is near."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a model asks of a picture: its size, None for any; mean and deviation of each colour."""

    size: tuple[int, int] | None
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @staticmethod
    def read(settings: Mapping[str, Any], side: int | None) -> Preparation:
        """Read a model's settings; side: its own, where these name no size."""
        size, normalised = settings.get("size", side), settings.get("do_normalize", True)
        if isinstance(size, Mapping):
            least = size.get("shortest_edge", side)
            size = (size.get("height", least), size.get("width", least))
        elif size is not None:
            size = (size, size)
        return Preparation(
            size if settings.get("do_resize", True) and size and None not in size else None,
            tuple(settings.get("image_mean", MEAN)) if normalised else (0.0, 0.0, 0.0),
            tuple(settings.get("image_std", DEVIATION)) if normalised else (1.0, 1.0, 1.0),
        )


class Pretrained(nn.Module):
    """A depth estimator, resized and normalised as it asks: (batch, 3, height, width), RGB in [0, 1], to
    (batch, 1, height, width), greater where nearer, in no unit.

    Such networks tell inverse depth up to a scale and a shift (Ranftl et al., "Towards Robust Monocular Depth
    Estimation", TPAMI 2022); of one that tells metres the inverse is taken. Put it to
    `nonlocality(aligned=true)` with the trainer `none`.
    detail: from 2 on, the model also sees the picture that many times larger, and the edges of what it
    tells then are merged into what it tells at its own size, as Miangoleh et al. do ("Boosting Monocular
    Depth Estimation Models to High-Resolution via Content-Adaptive Multi-Resolution Merging", CVPR 2021,
    "MergeNet"); by a guided filter, in the place of the network which they train for it, and without their
    patches.
    model: a folder with config.json and model.safetensors, or the name of one on the hub; revision: which
    of the latter. Its own code, if it brings any, is not run. Raises UsageError where the probe asks
    for anything but one number of each pixel of colour pictures, where transformers is not installed, and
    where there is no such model.
    """

    dims = (2,)

    def __init__(self, shape: Shape, *, model: str, revision: str = "main", detail: PositiveInt = 1) -> None:
        super().__init__()
        self.detail = detail
        asked = f"pretrained(model={model})"
        if (shape.inputs, shape.outputs) != (3, 1):
            found = f"it takes 3 channels and gives 1, and these are {shape.inputs} and {shape.outputs}"
            raise UsageError(asked, found, "Put it to nonlocality.")
        config, settings = described(asked, model, revision)
        self.metric = getattr(config, "model_type", "") == "zoedepth" or (
            getattr(config, "depth_estimation_type", "") == "metric"
        )
        self.preparation = Preparation.read(settings, getattr(config, "image_size", None))
        self.network = loaded(asked, model, revision, config)

    def forward(self, x: Tensor) -> Tensor:
        own = self.preparation.size or (x.shape[2], x.shape[3])
        depth = self.estimate(x, own)
        if self.detail > 1:
            larger = self.estimate(x, (own[0] * self.detail, own[1] * self.detail))
            near = max(1, min(larger.shape[2:]) // NEAR)
            depth = guided(functional.interpolate(depth, larger.shape[2:], mode="bilinear"), larger, near)
        return functional.interpolate(depth, x.shape[2:], mode="bilinear")

    def estimate(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return inverse depth (batch, 1, *any) of pictures brought to `size`."""
        ready = x
        if tuple(x.shape[2:]) != size:
            ready = functional.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
        mean, deviation = (
            torch.tensor(one, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
            for one in (self.preparation.mean, self.preparation.deviation)
        )
        depth: Tensor = self.network(pixel_values=(ready - mean) / deviation).predicted_depth[:, None]
        return 1 / depth.clamp(min=LEAST) if self.metric else depth


def described(asked: str, model: str, revision: str) -> tuple[Any, Mapping[str, Any]]:
    """Return a model's configuration, and how pictures are prepared for it."""
    try:
        from transformers import AutoConfig
        from transformers.utils.hub import cached_file
    except ImportError:
        advice = "Type pip install 'probekit-nn[pretrained]'."
        raise UsageError(asked, "transformers is not installed", advice) from None
    try:
        config = AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
        where = cached_file(model, SETTINGS, revision=revision, _raise_exceptions_for_missing_entries=False)
        return config, json.loads(Path(where).read_text(encoding="utf-8")) if where else {}
    except (OSError, ValueError) as error:
        raise missing(asked, model, error) from error


def loaded(asked: str, model: str, revision: str, config: Any) -> nn.Module:
    """Return the network with its weights, or without any where it is built to be counted."""
    from transformers import AutoModelForDepthEstimation

    try:
        if torch.empty(0).is_meta:
            make: Any = AutoModelForDepthEstimation.from_config
            bare: nn.Module = make(config, trust_remote_code=False)
            return bare
        network: nn.Module = AutoModelForDepthEstimation.from_pretrained(
            model, config=config, revision=revision, use_safetensors=True, trust_remote_code=False
        )
        return network.float()
    except (OSError, ValueError) as error:
        raise missing(asked, model, error) from error


def missing(asked: str, model: str, error: Exception) -> UsageError:
    """Return what to say where a model cannot be had."""
    what = f"{model} is no folder of a depth estimator, nor a name on the hub that can be reached"
    first = str(error).partition("\n")[0][:200]
    return UsageError(asked, f"{what} ({first})", "Type the path of a folder that save_pretrained wrote.")
