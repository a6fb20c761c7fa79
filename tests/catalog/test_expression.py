"""What is guarded: an expression resolves to what it says and builds it, or is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small import knowing
from torch import nn

from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Shape

SHAPE = Shape(3, 1, (16, 16))


def test_the_canonical_text_holds_every_default_and_resolves_to_itself() -> None:
    found = resolve_expression("unet + lambda( keys=16 )+pe", "unet", registry())
    assert found.text.startswith("unet(downs=none)+lambda(heads=1,keys=16)+pe(")
    assert resolve_expression(found.text, "unet", registry()) == found


def test_a_bare_layer_is_hosted_by_the_probe_s_structure() -> None:
    assert resolve_expression("average", "unet(downs=1)", registry()).text == "unet(downs=1)+average"


def test_the_layer_is_built_with_its_encoding_in_every_place() -> None:
    model = resolve_expression("unet(downs=1)+lambda(keys=4)+pe", "unet", registry()).build(SHAPE, 8)
    names = {type(module).__name__ for module in model.modules()}
    assert {"Lambda", "PE"} <= names
    assert sum(type(module).__name__ == "Lambda" for module in model.modules()) == 3
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 1, 16, 16)


def test_the_width_step_is_what_the_terms_need_together() -> None:
    assert resolve_expression("unet+lambda(heads=6)", "unet", registry()).width_step == 6
    assert resolve_expression("unet", "unet", registry()).width_step == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unet+lamda", "Did you mean lambda"),
        ("unett", "there is no such structure.*Did you mean unet"),
        (
            "unet+lambda+average",
            "average is a layer, and . joins a layer and its encoding.*, type unet.lambda,average",
        ),
        ("unet+average+pe", "average takes no encoding, and pe offers position.*Type unet.average"),
        ("unet+lambda+pe+pe", "it has 4 terms"),
        ("unet+lambda(heads=2", "this bracket is never closed"),
        ("unet+lambda(head=2)", "no such parameter.*heads"),
        ("unet+lambda(heads=two)", "heads should be a valid integer"),
        ("unet+lambda(heads=2.5)", "heads should be a valid integer"),
        ("unet+lambda(heads=__import__('os'))", "this is not a value"),
        ("unet(layer=3)", "Its host passes layer"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve_expression(text, "unet", registry())


def plain(shape: Shape) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, 1)


def named_otherwise(s: Any, width: int) -> nn.Module:
    return nn.Conv2d(s.inputs, width, 1)


def nothing() -> nn.Module:
    return nn.Conv2d(3, 1, 1)


def own_default(channels: int = 5) -> nn.Module:
    return nn.Conv2d(3, channels, 1)


def only_width(*, width: int) -> nn.Module:
    return nn.Conv2d(3, width, 1)


class Wide(nn.Conv2d):
    def __init__(self, shape: Shape, *, width: int, side: int = 3) -> None:
        super().__init__(shape.inputs, width, side, padding=side // 2)


@pytest.mark.parametrize(
    ("structure", "channels"),
    [(plain, 1), (named_otherwise, 7), (nothing, 1), (own_default, 5), (only_width, 7), (Wide, 7)],
)
def test_a_structure_is_handed_what_its_signature_takes(structure: Callable[..., Any], channels: int) -> None:
    found = resolve_expression("mine", "unet", knowing("mine", structure))
    model = found.build(SHAPE, 7)
    assert isinstance(model, nn.Conv2d)
    assert model.out_channels == channels
    assert found.has_width is (channels == 7)


def test_a_structure_that_hosts_nothing_takes_no_layer() -> None:
    with pytest.raises(UsageError, match="mine hosts no layer"):
        resolve_expression("mine+lambda", "unet", knowing("mine", plain))


def layer(channels: int, size: tuple[int, ...], *, gain: float = 1.0, encoding: Any = None) -> nn.Module:
    return nn.Identity()


layer.hooks = frozenset({"mix"})  # type: ignore[attr-defined]


class Mixed(nn.Module):
    def mix(self, x: Any) -> Any:
        return x, x, x


@pytest.mark.parametrize(
    ("given", "text", "meant"),
    [
        ("layer unet", "unet", "unet(downs=none)"),
        ("layer unet", "unet(downs=1)", "unet(downs=1)"),
        ("layer unet", "unet+average", "unet(downs=none)+average"),
        ("layer unet", "unet+unet", "unet(downs=none)+unet(gain=1.0)"),
        ("layer unet", "plain+unet", "plain(causal=false,conv=0,depth=1,norm=true)+unet(gain=1.0)"),
        (
            "layer plain",
            "plain+lambda(keys=4)",
            "plain(causal=false,conv=0,depth=1,norm=true)+lambda(heads=1,keys=4)",
        ),
        ("encoding unet", "unet", "unet(downs=none)"),
        ("encoding average", "average", "host(downs=none)+average"),
        ("structure lambda", "unet+lambda(keys=4)", "unet(downs=none)+lambda(heads=1,keys=4)"),
        ("structure lambda", "lambda(keys=4)+pe", "host(downs=none)+lambda(heads=1,keys=4)+pe"),
        ("structure average", "average", "average"),
        ("probe unet", "unet", "unet(downs=none)"),
        ("trainer lambda", "lambda(keys=4)", "host(downs=none)+lambda(heads=1,keys=4)"),
    ],
)
def test_a_name_is_found_by_its_place_whatever_else_is_called_so(given: str, text: str, meant: str) -> None:
    kind: Any
    kind, name = given.split()
    target = {"layer": layer, "encoding": Mixed, "structure": plain}.get(kind, dict)
    known = registry().with_components(Component(kind, name, target, ""))
    if meant.startswith("host"):
        meant = "unet" + meant.removeprefix("host")
    found = resolve_expression(text, "unet", known)
    assert found.text.startswith(meant)
    assert len(found.parts) == meant.count("+") + 1
    assert resolve_expression(found.text, "unet", known).text == found.text


def hosting(shape: Shape, *, width: int, layer: Any = None) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, 1)


@pytest.mark.parametrize(("structure", "reading"), [(hosting, None), (plain, "unet(downs=none)+two")])
def test_two_readings_are_an_error_where_both_can_be_built(structure: Any, reading: str | None) -> None:
    names = [("structure", "two", structure), ("layer", "two", layer), ("layer", "three", layer)]
    kinds: Any = [*names, ("encoding", "three", Mixed)]
    known = registry().with_components(*(Component(*one, "") for one in kinds))
    if reading is None:
        with pytest.raises(UsageError, match=r"two is a structure and a layer.*Type unet\+two\+three"):
            resolve_expression("two+three", "unet", known)
        assert resolve_expression("unet+two+three", "unet", known).encoding is not None
    else:
        assert resolve_expression("two+three", "unet", known).text.startswith(reading)


def test_what_a_plugin_raises_names_the_plugin() -> None:
    def broken(shape: Shape) -> nn.Module:
        raise ValueError("two\nlines")

    with pytest.raises(ProbekitError, match=r"structure mine of plugin python.*ValueError: two lines"):
        resolve_expression("mine", "unet", knowing("mine", broken)).build(SHAPE, None)
