"""Hosting builds layers, and combinators of layers, at the places of a host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from math import lcm
from typing import TYPE_CHECKING, Any

from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import Hosted, Part, resolve_part
from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError, UsageError, describe_error

if TYPE_CHECKING:
    from torch.nn import Module


ENCODING_HOOKS = ("extra", "mix", "turn", "bias", "position")


def get_side_limits(target: object) -> tuple[int, int]:
    """Return the number that sides must be multiples of, and their minimum, for a layer or structure."""
    multiple, minimum = getattr(target, "sizes", (1, 1))
    return int(multiple), int(minimum)


def get_dimensions(target: object) -> tuple[int, ...]:
    """Return the numbers of dimensions, 1 or 2, that a layer or structure supports."""
    return tuple(getattr(target, "dims", (1, 2)))


def check_size(part: Part, size: tuple[int, ...], request: str) -> None:
    """Raise UsageError if a part does not support this size."""
    multiple, minimum = get_side_limits(part.target)
    name = part.component.name
    if len(size) not in get_dimensions(part.target):
        supported = " or ".join(f"{count}-D" for count in get_dimensions(part.target))
        problem = f"{name} takes {supported} maps, and these are {len(size)}-D"
        raise UsageError(request, problem, "Use another probe.")
    if any(side % multiple or side < minimum for side in size):
        problem = f"{name} takes sides that are multiples of {multiple}, at least {minimum}, not {size}"
        raise UsageError(request, problem, "Use another size of the probe.")


def find_width_step(parts: Iterable[Part]) -> int:
    """Return the number that the width of parts must be a multiple of.

    Raises:
        ProbekitError: the `width_step` of a part raises or is not positive.
    """
    return lcm(*map(part_width_step, parts))


def part_width_step(part: Part) -> int:
    """Return the number that the width of a part must be a multiple of, with the layers it combines."""
    steps = [find_width_step(hosted.parts) for hosted in part.layers]
    get_step = getattr(part.target, "width_step", None)
    if not callable(get_step):
        return lcm(*steps)
    kind = part.component.kind
    request = f"the width step of {kind} {part.text}"
    hint = f"`probekit show {kind} {part.display_name}` lists its parameters."
    try:
        step = int(get_step(*([steps] if steps else []), **part.params))
    except UsageError:
        raise
    except Exception as error:
        raise ProbekitError(request, describe_error(error), hint) from error
    if step < 1:
        raise ProbekitError(request, f"it is {step}", hint)
    return step


def check_encoding(hosted: Hosted, request: str, host: str) -> None:
    """Raise UsageError if a layer does not take its encoding."""
    layer, encoding = hosted.layer, hosted.encoding
    if encoding is None:
        return
    if layer.layers:
        problem = f"{encoding.component.name} stands after a combinator, and an encoding belongs to one layer"
        raise UsageError(request, problem, "Type it after its layer, as in stripe(lambda+pe,gru).")
    layer_hooks = set(getattr(layer.target, "hooks", ()))
    encoding_hooks = {hook for hook in ENCODING_HOOKS if hasattr(encoding.target, hook)}
    if not encoding_hooks or encoding_hooks - layer_hooks:
        name, offered = layer.component.name, ", ".join(sorted(encoding_hooks)) or "none"
        abilities = (
            f"{name} takes encodings that offer {', '.join(sorted(layer_hooks))}"
            if layer_hooks
            else f"{name} takes no encoding"
        )
        problem = f"{abilities}, and {encoding.component.name} offers {offered}"
        raise UsageError(request, problem, f"Type {host}{name}.")


def count_places(hosted: Hosted) -> int:
    """Return how many places show all layers; a combinator that counts places needs one for each layer."""
    layers = hosted.layer.layers
    per_layer = max(map(count_places, layers), default=1)
    return per_layer * len(layers) if layers and hosted.layer.accepts("place") else per_layer


@dataclass(slots=True)
class LayerBuilder:
    """Builds the layers of one network: its host calls it for each place.

    Places are numbered in the order of the calls. A host that returns to a size, as a U-Net on its way up,
    gets the numbers of that size again.

    Attributes:
        hosted: the layer or combinator.
        request: the structure, for errors.
        built: each layer and combinator that was built, with the size of its input.
        places: how many different numbers were given out.
    """

    hosted: Hosted
    request: str
    built: list[tuple[Hosted, tuple[int, ...]]] = field(default_factory=list)
    places: int = 0
    _first_places: dict[tuple[int, ...], int] = field(default_factory=dict)
    _last: tuple[tuple[int, ...], int] | None = None

    def __call__(
        self, channels: int, size: tuple[int, ...], shared: dict[str, Any], *, causal: bool = False
    ) -> Module:
        """Build the layer of the next place.

        Args:
            channels, size: the shape of the layer's input.
            shared: the network's dict for tied weights.
            causal: whether positions must not see later ones.

        Raises:
            UsageError: a layer does not support this size, or cannot be causal.
        """
        size = tuple(size)
        if self._last is not None and self._last[0] == size:
            place = self._last[1] + 1
        else:
            place = self._first_places.setdefault(size, self.places)
        self._last = size, place
        self.places = max(self.places, place + 1)
        return self._build(self.hosted, shared, causal, channels, size, place=place)

    def _build(
        self,
        hosted: Hosted,
        shared: dict[str, Any],
        causal: bool,
        channels: int,
        size: tuple[int, ...],
        *,
        place: int,
    ) -> Module:
        """Build a layer, or a combinator with a builder (channels, size) of each of its layers."""
        layer = hosted.layer
        check_size(layer, size, f"structure {self.request!r}")
        self.built.append((hosted, size))
        arguments: list[Any] = [channels, size]
        options: dict[str, Any] = {} if hosted.encoding is None else {"encoding": hosted.encoding.make}
        if layer.layers:
            arguments.append(
                [partial(self._build, inner, shared, causal, place=place) for inner in layer.layers]
            )
            if layer.accepts("place"):
                options["place"] = place
        elif causal and not layer.accepts("causal"):
            problem = f"{layer.display_name} lets positions see later ones"
            raise UsageError(
                f"a causal {self.request}", problem, "Type causal=false in the structure, or another layer."
            )
        if layer.accepts("shared"):
            options["shared"] = shared
        if causal and layer.accepts("causal"):
            options["causal"] = True
        module: Module = layer.make(*arguments, **options)
        return module

    def check_all_built(self) -> None:
        """Raise UsageError if the host had too few places for all layers of a combinator."""
        for hosted in self.hosted.walk():
            if not any(built is hosted for built, _ in self.built):
                needed, name = count_places(self.hosted), hosted.layer.display_name
                problem = f"its places for a layer are {self.places}, and {name} is at none of them"
                hint = f"Use a host with at least {needed}, as plain(depth={needed}) has."
                raise UsageError(f"structure {self.request!r}", problem, hint)


def host_optimiser(trainer: Part, registry: Registry) -> Part:
    """Return a trainer with the optimiser that it names; one that hosts none stays as it is.

    Raises:
        UsageError: the optimiser is unknown, has another parameter, or comes from a file.
    """
    if trainer.component.kind != "trainer" or not trainer.accepts("build_optimiser"):
        return trainer
    term = parse_term(str(trainer.params["optimiser"]))
    if is_file_term(term.name):
        problem = "it comes from a file, which a run's identity does not cover"
        raise UsageError(f"optimiser {term.name}", problem, "Start with `probekit new optimiser NAME`.")
    optimiser = resolve_part("optimiser", term, registry)
    return replace(trainer.with_params({**trainer.params, "optimiser": optimiser.text}), optimiser=optimiser)


def list_trainer_parts(trainer: Part) -> tuple[Part, ...]:
    """Return a trainer, and its optimiser if it hosts one."""
    return (trainer,) if trainer.optimiser is None else (trainer, trainer.optimiser)
