"""What is guarded: text and terms are two forms of one thing, and no text is ever more than text."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from probekit.catalog.grammar import Term, list_files, normalize_expression, parse_expression, parse_term
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Value


def test_an_expression_reads_as_its_terms() -> None:
    assert parse_expression("unet+lambda(heads=8, scale=0.5)+acme/pe") == (
        Term("unet"),
        Term("lambda", (("heads", 8), ("scale", 0.5))),
        Term("acme/pe"),
    )
    assert parse_expression(" a ( k = v ) + b ( ) ") == (Term("a", (("k", "v"),)), Term("b"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("-3", -3),
        ("+3", 3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("1.", 1.0),
        ("true", True),
        ("False", False),
        ("none", None),
        ("sum-qkv", "sum-qkv"),
        ("2d", "2d"),
        ("'a b'", "a b"),
        ("'a\\b'", "a\\b"),
        ('"8"', "8"),
        ('"a\\"b"', 'a"b'),
        ("'true'", "true"),
        ("''", ""),
    ],
)
def test_a_value_reads_as_its_type(text: str, value: Value) -> None:
    ((_, found),) = parse_term(f"a(k={text})").params
    assert (found, type(found)) == (value, type(value))


def test_canonical_text_has_sorted_keys_and_no_needless_quotes() -> None:
    assert str(parse_term("plain( norm=False, depth = 3,mix='sum-qkv', note='a b' )")) == (
        'plain(depth=3,mix=sum-qkv,norm=false,note="a b")'
    )
    assert str(Term("unet")) == "unet"


def random_value(rng: random.Random) -> Value:
    alphabet = string.printable + "é∂𝄞\\\"'+(),=/"
    tricky = [
        "",
        "true",
        "None",
        "inf",
        "-nan",
        "Infinity",
        "1e999",
        "007",
        "+",
        "-",
        "a b",
        "0x1",
        "1_0",
        "x" * 99,
    ]
    makers: list[Callable[[], Value]] = [
        lambda: rng.randint(-(10 ** rng.randint(0, 40)), 10 ** rng.randint(0, 40)),
        lambda: rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300),
        lambda: rng.choice([True, False, None, 0, 1, 0.0, -0.0, 1.0, 5e-324, 1.7e308]),
        lambda: rng.choice(tricky),
        lambda: "".join(rng.choices(alphabet, k=rng.randint(0, 8))),
    ]
    return rng.choice(makers)()


def random_layers(rng: random.Random, depth: int) -> tuple[tuple[Term, ...], ...]:
    """Return layers of a combinator, most often none, each with or without an encoding."""
    names = ["gru", "acme/lambda", "./a.py:Swirl", "./a (b)+c.py:Swirl"]
    count = rng.choice([0, 0, 1, 2, 3]) if depth else 0
    return tuple(
        tuple(
            Term(
                rng.choice(names),
                (("k", random_value(rng)),) * rng.randint(0, 1),
                random_layers(rng, depth - 1),
            )
            for _ in range(rng.randint(1, 2))
        )
        for _ in range(count)
    )


def test_every_term_parses_back_from_its_text() -> None:
    rng = random.Random(0)
    for _ in range(5000):
        keys = rng.sample(["heads", "k_1", "Norm", "_x", "zeta"], rng.randint(0, 5))
        term = Term(
            rng.choice(["unet", "lambda-tt", "a.b_C/x2-3d"]),
            tuple((k, random_value(rng)) for k in keys),
            random_layers(rng, 3),
        )
        back = parse_term(str(term), takes_layers=True)
        assert back == term
        assert [type(value) for _, value in back.params] == [type(value) for _, value in term.params]
        assert str(back) == str(term)


def test_no_text_whatever_raises_anything_but_a_usage_error() -> None:
    rng = random.Random(1)
    pieces = [
        "unet",
        "lambda",
        "(",
        ")",
        "=",
        "+",
        ",",
        "/",
        "'",
        '"',
        "\\",
        " ",
        "8",
        "1e5",
        "-",
        "k",
        "\n",
        "é",
        "٣",
        "[",
    ]
    read = 0
    for _ in range(5000):
        text = "".join(rng.choices(pieces, k=rng.randint(0, 9)))
        try:
            terms = parse_expression(text)
        except UsageError:
            continue
        read += 1
        assert parse_expression("+".join(map(str, terms))) == terms
    assert read > 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain+gru,", "character 11, at the end: a name was expected"),
        (",gru", "before ',gru': a name was expected"),
        ("gru,,s4d", "before ',s4d': a name was expected"),
        ("stripe(gru,)", "key=value was expected. Write .* layers as in stripe"),
        ("stripe(gru s4d)", "',' or '\\)' was expected"),
        ("stripe(gru,s4d", "this bracket is never closed"),
        ("a(" * 9 + "b" + ")" * 9, "brackets are nested more than 8 deep"),
        ("a(" * 8 + "b" + ")" * 8 + ",c", "brackets are nested more than 8 deep"),
        ("a(" * 2000, "brackets are nested more than 8 deep"),
        ("", "there is no name"),
        ("  ", "there is no name"),
        ("unet+", "character 6, at the end: a name was expected"),
        ("+unet", "character 1, before '\\+unet': a name was expected"),
        ("unet++pe", "character 6, before '\\+pe': a name was expected"),
        ("unet(depth=3", "character 5, before '\\(depth=3': this bracket is never closed"),
        ("unet+lambda(heads=8+pe", "before '8\\+pe': this is not a value"),
        ("unet)", "character 5, before '\\)': '\\+' or the end was expected"),
        ("unet(3)", "character 6, before '3\\)': key=value was expected"),
        ("unet(depth=)", "this is not a value"),
        ("unet(a=1,)", "key=value was expected"),
        ("unet(a=1,a=2)", "character 10, before 'a=2\\)': a is given twice"),
        ("unet(a=1 b=2)", "this is not a value"),
        ("unet(a=(1,2))", "this is not a value"),
        ("unet(a=[1])", "this is not a value"),
        ("unet(a=b(c=1))", "this is not a value"),
        ("unet(x=__import__('os'))", "before \"__import__\\('os'\\)\\)\": this is not a value"),
        ("unet(x='a)", "this quote is never closed"),
        ('unet(x="\\q")', "not quoted as in JSON"),
        ("unet(x=inf)", "inf and nan are not allowed"),
        ("unet(x=-NaN)", "inf and nan are not allowed"),
        ("unet(x=1e999)", "this is not a value"),
        ("unet(x=" + "9" * 4080 + ")", "this is not a value"),
        ("unet(x=" + "9" * 5000 + ")", "5,008 characters, more than 4,096"),
        ("Unet", "Names are lower-case words"),
        ("a b", "'\\+' or the end was expected"),
        ("./x.py", "a name was expected"),
        ("./a b.py:Name", "a name was expected"),
    ],
)
def test_an_error_says_where_and_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_expression(text)


def test_what_has_no_text_makes_no_term() -> None:
    for value in (float("inf"), float("nan"), [1], (1,), b"x"):
        with pytest.raises(UsageError):
            Term("unet", (("k", value),))  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        Term("two words")
    with pytest.raises(UsageError):
        Term("unet", (("not a key", 1),))


def test_combinations_keep_their_meaning_when_retyped() -> None:
    rng = random.Random(2)
    for _ in range(1000):
        layers = random_layers(rng, 3)
        host = (Term("plain", (("depth", 4),)),) * rng.randint(0, 1)
        if not layers or (not host and len(layers[0]) > 1):  # without a host the first term would be one
            layers = ((Term("gru"),), *layers)
        terms = (*host, Term("stripe", layers=layers)) if len(layers) > 1 else (*host, *layers[0])
        short = ",".join("+".join(map(str, layer)) for layer in layers)
        text = "+".join([*map(str, host), short])
        assert parse_expression(text) == terms
        assert parse_expression(normalize_expression(text)) == terms
        position = rng.randrange(len(text))
        damaged = text[:position] + rng.choice("(),+= '\"x8") + text[position + rng.randint(0, 1) :]
        try:
            terms = parse_expression(damaged)
        except UsageError:
            continue
        assert parse_expression(normalize_expression(damaged)) == terms


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("plain+gru,s4d", "plain+stripe(gru,s4d)"),
        ("gru, s4d", "stripe(gru,s4d)"),
        ("plain+lambda+pe,gru(scan=raster)", "plain+stripe(lambda+pe,gru(scan=raster))"),
        ("plain+parallel(s4d,shares=1-2,gru),gru", "plain+stripe(parallel(s4d,gru,shares=1-2),gru)"),
        ("plain+./a.py:A,./b.py:B", "plain+stripe(./a.py:A,./b.py:B)"),
        ("stripe()", "stripe"),
    ],
)
def test_commas_are_a_stripe(text: str, canonical: str) -> None:
    assert normalize_expression(text) == canonical
    assert parse_expression(canonical) == parse_expression(text)


def test_files_within_brackets_are_listed() -> None:
    text = "plain+stripe(./a.py:A,gru),parallel(s4d,./b.py:B(rank=2)+./c.py:C)"
    assert list_files(text) == ["./a.py:A", "./b.py:B", "./c.py:C"]


def test_only_a_combinator_takes_layers() -> None:
    with pytest.raises(UsageError, match="not a list of layers"):
        parse_term("nonlocality,translation")


def test_one_term_means_one() -> None:
    with pytest.raises(UsageError, match="not 2"):
        parse_term("unet+pe")
