"""Pretrained depth estimators of Hugging Face transformers, tested without training, as figure 1 of Courtois
et al. 2022 shows rectangles to networks trained on photographs."""

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

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.guided_filter import guided_filter

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Those of ImageNet, the default of models that name none."""
MIN_DEPTH = 1e-3
"""In metres; smaller depths count as this one."""
SETTINGS = "preprocessor_config.json"
RADII_PER_SIDE = 32
"""How many radii of the guided filter fit in the shorter side of an estimate."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a model expects pictures.

    Attributes:
        size: (height, width), None for any.
        mean: of each colour, to subtract.
        deviation: of each colour, to divide by.
    """

    size: tuple[int, int] | None
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @staticmethod
    def from_settings(settings: Mapping[str, Any], side: int | None) -> Preparation:
        """Read a model's settings; `side` is the model's own, for settings without a size."""
        size, normalised = settings.get("size", side), settings.get("do_normalize", True)
        if isinstance(size, Mapping):
            shortest_edge = size.get("shortest_edge", side)
            size = (size.get("height", shortest_edge), size.get("width", shortest_edge))
        elif size is not None:
            size = (size, size)
        return Preparation(
            size if settings.get("do_resize", True) and size and None not in size else None,
            tuple(settings.get("image_mean", MEAN)) if normalised else (0.0, 0.0, 0.0),
            tuple(settings.get("image_std", DEVIATION)) if normalised else (1.0, 1.0, 1.0),
        )


class Pretrained(nn.Module):
    """A pretrained depth estimator, with pictures resized and normalised as it expects.

    Such networks estimate inverse depth up to a scale and a shift (Ranftl et al., "Towards Robust Monocular
    Depth Estimation", TPAMI 2022); the output of a network that estimates metres is inverted. Use it on
    `nonlocality(aligned=true)` with the trainer `none`.

    Args:
        shape: channels and size of inputs and outputs.
        model: a folder with config.json and model.safetensors, or the name of one on the hub. The model's own
            code, if any, does not run.
        revision: of a model on the hub.
        detail: from 2, the model also sees the picture that many times larger, and the edges of that estimate
            are merged into the one at the model's size, as Miangoleh et al. do ("Boosting Monocular Depth
            Estimation Models to High-Resolution via Content-Adaptive Multi-Resolution Merging", CVPR 2021,
            "MergeNet"); by a guided filter instead of the network that they train for it, and without their
            patches.

    Shape:
        (batch, 3, height, width), RGB in [0, 1], to (batch, 1, height, width), greater where nearer, without
        a unit.

    Raises:
        UsageError: the probe does not map colour pictures to one number per pixel, transformers is not
            installed, or there is no such model.
    """

    dims = (2,)

    def __init__(self, shape: Shape, *, model: str, revision: str = "main", detail: PositiveInt = 1) -> None:
        super().__init__()
        self.detail = detail
        request = f"pretrained(model={model})"
        if (shape.inputs, shape.outputs) != (3, 1):
            reason = f"it maps 3 channels to 1, and the probe has {shape.inputs} and {shape.outputs}"
            raise UsageError(request, reason, "Use it on nonlocality.")
        config, settings = read_config(request, model, revision)
        self.metric = getattr(config, "model_type", "") == "zoedepth" or (
            getattr(config, "depth_estimation_type", "") == "metric"
        )
        self.preparation = Preparation.from_settings(settings, getattr(config, "image_size", None))
        self.network = load_network(request, model, revision, config)

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.preparation.size or (x.shape[2], x.shape[3])
        depth = self.estimate_depth(x, (height, width))
        if self.detail > 1:
            larger = self.estimate_depth(x, (height * self.detail, width * self.detail))
            radius = max(1, min(larger.shape[2:]) // RADII_PER_SIDE)
            base = functional.interpolate(depth, larger.shape[2:], mode="bilinear")
            depth = guided_filter(base, larger, radius)
        return functional.interpolate(depth, x.shape[2:], mode="bilinear")

    def estimate_depth(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return inverse depth (batch, 1, *any) of pictures brought to `size`."""
        pictures = x
        if tuple(x.shape[2:]) != size:
            pictures = functional.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
        mean, deviation = (
            torch.tensor(colours, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
            for colours in (self.preparation.mean, self.preparation.deviation)
        )
        depth: Tensor = self.network(pixel_values=(pictures - mean) / deviation).predicted_depth[:, None]
        return 1 / depth.clamp(min=MIN_DEPTH) if self.metric else depth


def read_config(request: str, model: str, revision: str) -> tuple[Any, Mapping[str, Any]]:
    """Return a model's configuration, and the settings of its picture processor."""
    try:
        from transformers import AutoConfig
        from transformers.utils.hub import cached_file
    except ImportError:
        hint = "Type pip install 'probekit-nn[pretrained]'."
        raise UsageError(request, "transformers is not installed", hint) from None
    try:
        config = AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
        path = cached_file(model, SETTINGS, revision=revision, _raise_exceptions_for_missing_entries=False)
        return config, json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError) as error:
        raise explain_missing(request, model, error) from error


def load_network(request: str, model: str, revision: str, config: Any) -> nn.Module:
    """Return the network with its weights; on the meta device, where parameters are counted, without."""
    from transformers import AutoModelForDepthEstimation

    try:
        if torch.empty(0).is_meta:
            from_config: Any = AutoModelForDepthEstimation.from_config
            unloaded: nn.Module = from_config(config, trust_remote_code=False)
            return unloaded
        network: nn.Module = AutoModelForDepthEstimation.from_pretrained(
            model, config=config, revision=revision, use_safetensors=True, trust_remote_code=False
        )
        return network.float()
    except (OSError, ValueError) as error:
        raise explain_missing(request, model, error) from error


def explain_missing(request: str, model: str, error: Exception) -> UsageError:
    """Return the error for a model that cannot be loaded."""
    reason = f"{model} is neither a folder with a depth estimator nor a name on the hub within reach"
    first_line = str(error).partition("\n")[0][:200]
    return UsageError(
        request, f"{reason} ({first_line})", "Type the path of a folder that save_pretrained wrote."
    )
