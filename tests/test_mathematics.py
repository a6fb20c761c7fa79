"""What is guarded: the formulas of docstrings become the mathematics that they write in plain text."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from types import ModuleType

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def mathematics() -> ModuleType:
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("docs_mathematics", ROOT / "docs/mathematics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("S_t = a_t S_(t-1)", "S_{t} = a_{t} S_{t - 1}"),
        ("x_(i,j) = beta^(1/2)", "x_{i , j} = β^{1 / 2}"),
        ("y = S'_t^T q", r"y = {S′}_{t}^{\top} q"),
        ("y = f(q k^T / sqrt(d)) v", r"y = f \left( \frac{q k^{\top}}{\sqrt{d}} \right) v"),
        ("y = a + b c / (d e)", r"y = a + \frac{b c}{d e}"),
        ("y = sum_(s <= t) x_s / N", r"y = \sum_{s \le t} \frac{x_{s}}{N}"),
        ("y = c / max(|n|, 1)", r"y = \frac{c}{\operatorname{max}( \left| n \right| , 1 )}"),
        ("y = k conv (x * Kbar)", r"y = k \ast ( x \odot \bar{K} )"),
        ("h_t = exp(dt_t A)", r"h_{t} = \operatorname{exp} ( Δ_{t} A )"),
        ("y_j = x for j = 1, ..., n", r"y_{j} = x \text{ for } j = 1 , \dots , n"),
        ("y = [u; v]", "y = [ u ; v ]"),
        ("W = -grad |f(k; W_(t'))|^2", r"W = - \nabla \left| f ( k ; W_{{t′}} ) \right|^{2}"),
    ],
)  # fmt: skip
def test_plain_text_becomes_latex(plain: str, latex: str, mathematics: ModuleType) -> None:
    assert mathematics.to_latex(plain) == latex


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ("y = (a b", "'(' is not closed"),
        ("y = a) b", "')' closes nothing"),
        ("y = [a) b]", "'[' is not closed"),
        ("y = a # b", "starts with no known symbol"),
        ("y = x_t_s", "has two scripts"),
        ("y = a^2_ + b", "a name is missing"),
        ("y = 1 / + b", "a name is missing"),
    ],
)
def test_what_cannot_be_read_is_shown(plain: str, problem: str, mathematics: ModuleType) -> None:
    with pytest.raises(ValueError, match="cannot be read") as error:
        mathematics.to_latex(plain)
    assert problem in str(error.value)
    assert plain in str(error.value)


DOCSTRING = """The delta rule.

    S_t = beta_t S_(t-1), y_t = S_t q_t
    f(x; W) = x

beta is a number, see `beta`; the delta rule.

Args:
    - one
"""


def test_a_docstring_has_one_element_per_equation(mathematics: ModuleType) -> None:
    text = mathematics.set_mathematics(DOCSTRING)
    before, _, rest = text.partition("<div")
    inner, _, after = rest.partition("</div>")
    assert before == "The delta rule.\n\n"
    elements = [ET.fromstring(line) for line in inner.splitlines() if line.startswith("<math")]
    assert ["".join(element.itertext()) for element in elements] == ["St=βtSt−1", "yt=Stqt", "f(x;W)=x"]
    assert "β is a number, see `beta`; the delta rule." in after


@pytest.mark.parametrize(
    "text",
    ["beta is a number.", "Text.\n\n    indented text", "a = b in text\n\n- y = 1", "Text\n    a = b", ""],
)
def test_a_text_without_a_formula_stays(text: str, mathematics: ModuleType) -> None:
    assert mathematics.set_mathematics(text) == text
