"""What is guarded: parameters are checked by name and type before anything is built, defaults filled in."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from annotated_types import Interval
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, conint

from probekit.catalog.ranges import read_range
from probekit.catalog.signature import HOST_ARGUMENTS, Parameter, describe_parameters, fill_parameters
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Value

if TYPE_CHECKING:
    from torch import Tensor


class Attention:
    """A layer with one parameter of each sort."""

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        encoding: Callable[..., Tensor] | None = None,
        shared: dict[str, Any] | None = None,
        heads: int = 8,
        scale: float = 1,
        mix: Literal["sum-qkv", "sum-qv"] = "sum-qkv",
        bias: bool = True,
        window: int | None = None,
        note: str = "",
        rank: Annotated[int, Field(ge=1)] = 4,
        rate: PositiveFloat = 0.5,
        bins: Annotated[int, Field(gt=1, lt=9)] | None = None,
    ) -> None: ...


DEFAULTS = {
    "bias": True,
    "bins": None,
    "heads": 8,
    "mix": "sum-qkv",
    "note": "",
    "rank": 4,
    "rate": 0.5,
    "scale": 1.0,
    "window": None,
}


def filled(**given: Value) -> dict[str, Value]:
    return fill_parameters(Attention, given, "layer 'attention'", HOST_ARGUMENTS["layer"])


def test_defaults_are_filled_in_and_sorted_by_name() -> None:
    assert filled() == DEFAULTS
    assert list(filled(window=3, bias=False)) == sorted(DEFAULTS)
    assert filled(window=3)["window"] == 3


def test_what_its_host_hands_over_cannot_be_typed() -> None:
    with pytest.raises(UsageError, match="Its host passes channels"):
        filled(channels=3)


def test_an_int_given_for_a_float_and_its_default_are_one_value() -> None:
    for value in (filled()["scale"], filled(scale=1)["scale"], filled(scale=1.0)["scale"]):
        assert isinstance(value, float)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("heads", 8.0, "heads should be a valid integer"),
        ("heads", True, "heads should be a valid integer"),
        ("heads", "8", "Its type is int"),
        ("scale", True, "scale should be a valid number"),
        ("scale", math.inf, "finite"),
        ("bias", 1, "boolean"),
        ("mix", "sum", "mix should be 'sum-qkv' or 'sum-qv'"),
        ("window", "wide", "int | None"),
        ("rank", 0, "greater than or equal to 1. Its type is int, 1 or more."),
        ("rate", 0.0, "greater than 0. Its type is float, above 0."),
        ("rate", 0, "greater than 0"),
        ("bins", 9, "Its type is int | None, 2 to 8."),
        ("note", 3, "string"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Value, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        filled(**{name: value})
    assert said in str(caught.value)
    assert "layer 'attention'" in str(caught.value)


def test_an_unknown_name_offers_the_nearest_and_lists_the_rest() -> None:
    with pytest.raises(UsageError) as caught:
        filled(head=8)
    assert "Did you mean heads?" in str(caught.value)
    assert "heads, scale, mix, bias, window, note, rank, rate, bins" in str(caught.value)
    with pytest.raises(UsageError, match="It has no parameters"):
        fill_parameters(lambda channels, size: None, {"heads": 8}, "layer 'bare'", HOST_ARGUMENTS["layer"])


def test_a_required_parameter_is_asked_for() -> None:
    def cut(channels: int, *, ranks: int) -> None: ...

    with pytest.raises(UsageError, match="it needs ranks"):
        fill_parameters(cut, {}, "layer 'cut'", {"channels"})
    assert fill_parameters(cut, {"ranks": 2}, "layer 'cut'", {"channels"}) == {"ranks": 2}


def test_without_annotations_the_default_gives_the_type() -> None:
    def bare(channels, *, heads=8, mask=None):  # type: ignore[no-untyped-def]
        ...

    assert fill_parameters(bare, {"mask": "causal"}, "layer 'bare'", {"channels"}) == {
        "heads": 8,
        "mask": "causal",
    }
    with pytest.raises(UsageError, match="integer"):
        fill_parameters(bare, {"heads": "many"}, "layer 'bare'", {"channels"})


def test_a_target_that_takes_anything_is_given_it() -> None:
    def wrapper(channels: int, *, heads: int = 8, **rest: object) -> None: ...

    assert fill_parameters(wrapper, {"keys": 3}, "layer 'wrapper'", {"channels"}) == {"heads": 8, "keys": 3}
    with pytest.raises(UsageError):
        fill_parameters(wrapper, {"heads": "x"}, "layer 'wrapper'", {"channels"})
    with pytest.raises(UsageError, match="Its host passes"):
        fill_parameters(wrapper, {"channels": 3}, "layer 'wrapper'", {"channels"})


def test_a_default_that_has_no_text_is_left_to_the_target() -> None:
    def odd(*, sizes: tuple[int, ...] = (1, 2), limit: float = math.inf, depth: int = None) -> None:  # type: ignore[assignment]  # noqa: RUF013
        ...

    assert fill_parameters(odd, {}, "structure 'odd'", ()) == {"depth": None}
    assert describe_parameters(odd, ())[0] == Parameter("sizes", "tuple[int, ...]", "(1, 2)")


def test_partials_and_inherited_constructors_are_read() -> None:
    class Child(Attention): ...

    assert fill_parameters(Child, {}, "layer 'child'", HOST_ARGUMENTS["layer"]) == DEFAULTS
    assert (
        fill_parameters(functools.partial(Attention, heads=2), {}, "layer 'two'", HOST_ARGUMENTS["layer"])[
            "heads"
        ]
        == 2
    )


def test_what_has_no_signature_is_an_error_and_not_a_traceback() -> None:
    with pytest.raises(ProbekitError, match="no signature"):
        fill_parameters(7, {}, "layer 'seven'", ())  # type: ignore[arg-type]


def test_describe_names_types_and_defaults_in_the_order_written() -> None:
    assert describe_parameters(Attention, HOST_ARGUMENTS["layer"])[:3] == [
        Parameter("heads", "int", "8"),
        Parameter("scale", "float", "1"),
        Parameter("mix", "Literal['sum-qkv', 'sum-qv']", "sum-qkv"),
    ]
    assert describe_parameters(Attention, HOST_ARGUMENTS["layer"])[-3:] == [
        Parameter("rank", "int", "4", "1 or more"),
        Parameter("rate", "float", "0.5", "above 0"),
        Parameter("bins", "int | None", "none", "2 to 8"),
    ]


@pytest.mark.parametrize(
    ("annotation", "said", "ends", "beyond"),
    [
        (PositiveInt, "1 or more", [1], [0]),
        (NonNegativeFloat | None, "0 or more", [0.0], [-5e-324]),
        (Annotated[float, Field(ge=0, le=1)], "0 to 1", [0.0, 1.0], [-5e-324, math.nextafter(1, 2)]),
        (Annotated[float, Field(gt=0, le=1)], "above 0 and 1 or less", [1.0], [0.0, math.nextafter(1, 2)]),
        (Annotated[float, Field(lt=3)], "below 3", [], [3.0]),
        (conint(gt=2, lt=9), "3 to 8", [3, 8], [2, 9]),
        (Annotated[int, Interval(ge=2, le=2_000_000)], "2 to 2000000", [2, 2_000_000], [1, 2_000_001]),
    ],
)
def test_a_range_is_read_however_it_is_spelt(
    annotation: Any, said: str, ends: list[float], beyond: list[float]
) -> None:
    found = read_range(annotation)
    assert found is not None
    assert (str(found), found.included_ends(), found.outside_neighbors()) == (said, ends, beyond)
    assert [found.contains(value) for value in (*ends, *beyond)] == [True] * len(ends) + [False] * len(beyond)


@pytest.mark.parametrize(
    "annotation", [int, float | None, Literal[1, 2], bool, str, Callable[..., Any], "no"]
)
def test_what_states_no_range_has_none(annotation: Any) -> None:
    assert read_range(annotation) is None
