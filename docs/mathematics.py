"""The formulas of docstrings as MathML, which browsers draw without scripts.

A paragraph of a docstring is a formula if each of its lines is indented and contains ` = `. Its notation is
to be read in an editor, too:

- `x_t`, `x_(t-1)`, `x^2`, `S'_t^T`: subscripts, exponents, a prime, the transpose.
- `alpha`, `phi`: Greek letters, in the text around a formula as well. `dt` is the step size of state spaces.
- `Kbar`: a letter with a bar.
- Other names of several letters are upright, as functions are: `softmax_m(q k_m)`.
- `sum_(s <= t)`, `grad`, `sqrt(d)`, `|x|`.
- ` / ` is a fraction of all factors before it by the factor after it. `1/2` stays in the line.
- `*` multiplies element by element, `conv` convolves, `in` is "element of"; `for` is text.
- A comma or semicolon before a name and ` = ` ends an equation.
"""

from __future__ import annotations

import re
from html import unescape

from latex2mathml.converter import convert

TOKEN = re.compile(r" / | *([A-Za-z]+'*|\d+(?:\.\d+)?|\.\.\.|<=|>=|[-+*/=,;:()\[\]|_^<>])")
FORMULA = re.compile(r"(?<=\n\n)(?: {4}\S.* = .*(?:\n|\Z))+(?=\n|\Z)")
NEXT_EQUATION = re.compile(r"[,;] (?=[A-Za-z]+'*(?:[_^](?:\w+|\([^)]*\)))* = )")
FUNCTION = re.compile(r"<mo>([A-Za-z]{2,})</mo>")
UNTOUCHED = re.compile(r"(`[^`]*`|<div.*?</div>)", re.S)
WORDS_OF_TEXT = ("delta", "lambda")
"""Greek names that are words where they stand outside a formula."""
GREEK_NAMES = (
    *("alpha", "beta", "gamma", "epsilon", "zeta", "eta", "theta", "kappa", "mu", "nu", "xi", "pi", "rho"),
    *("sigma", "tau", "phi", "chi", "psi", "omega", *WORDS_OF_TEXT),
)
GREEK = {name: unescape(f"&{name};") for name in GREEK_NAMES} | {"dt": unescape("&Delta;")}
GREEK_NAME = re.compile(rf"\b(?:{'|'.join(name for name in GREEK if name not in WORDS_OF_TEXT)})\b")
SYMBOLS = {"sum": r"\sum", "grad": r"\nabla"}
OPERATORS = {
    "*": r"\odot",
    "conv": r"\ast",
    "in": r"\in",
    "<=": r"\le",
    ">=": r"\ge",
    "<": r"\lt",
    ">": r"\gt",
    "...": r"\dots",
    **{sign: sign for sign in "+-/=,;:"},
}
WORDS = frozenset({"for"})
CLOSING = {"(": ")", "[": "]", "|": "|"}
TALL = (r"\frac", r"\sum")


def set_mathematics(text: str) -> str:
    """Return a docstring with its formulas as MathML, and with Greek letters around them."""
    with_formulas = FORMULA.sub(lambda match: write_formula(match[0]), text)
    if with_formulas == text:
        return text
    pieces = UNTOUCHED.split(with_formulas)
    pieces[::2] = (GREEK_NAME.sub(lambda match: GREEK[match[0]], piece) for piece in pieces[::2])
    return "".join(pieces)


def write_formula(paragraph: str) -> str:
    """Return a formula as HTML, with one `math` element for each equation."""
    lines = [line.strip().rstrip(".,;") for line in paragraph.splitlines()]
    equations = [equation for line in lines for equation in NEXT_EQUATION.split(line)]
    elements = "\n".join(map(write_equation, equations))
    return f'<div class="formula" tabindex="0" role="group" aria-label="Formula">\n{elements}\n</div>\n'


def write_equation(equation: str) -> str:
    """Return an equation as a `math` element, with functions as close to their neighbours as in TeX."""
    element = convert(to_latex(equation), display="block")
    return FUNCTION.sub(r'<mo lspace="0.17em" rspace="0em">\1</mo>', element)


def to_latex(equation: str) -> str:
    """Return an equation in LaTeX.

    Raises:
        ValueError: The notation cannot be read.
    """
    reader = EquationReader(equation)
    latex = reader.read_row()
    if reader.token:
        raise reader.error(f"{reader.token!r} closes nothing")
    return latex


class EquationReader:
    """Reads an equation, token by token.

    Attributes:
        equation: the text.
        token: the next token, "" at the end.
    """

    def __init__(self, equation: str) -> None:
        self.equation, self.token = equation, ""
        self._end = 0
        self.take_token()

    def error(self, problem: str) -> ValueError:
        """Return an exception that shows the equation."""
        return ValueError(f"the formula {self.equation!r} cannot be read: {problem}; see docs/mathematics.py")

    def take_token(self) -> str:
        """Return the next token and go on to the one after it."""
        token, rest = self.token, self.equation[self._end :]
        match = TOKEN.match(rest)
        if match is None and rest.strip():
            raise self.error(f"{rest!r} starts with no known symbol")
        self.token = (match[1] or match[0]) if match else ""
        self._end += match.end() if match else len(rest)
        return token

    def read_row(self, closing: str = "") -> str:
        """Return what stands up to a closing bracket, or to the end."""
        pieces: list[str] = []
        factors: list[str] = []
        while self.token and self.token not in (closing, ")", "]"):
            if self.token == " / ":
                self.take_token()
                factors = [rf"\frac{{{' '.join(factors)}}}{{{self.read_factor(bare=True)}}}"]
            elif self.token in OPERATORS or self.token in WORDS:
                token = self.take_token()
                pieces += [*factors, OPERATORS.get(token, rf"\text{{ {token} }}")]
                factors = []
            elif self.token in SYMBOLS:  # a sum is no part of the fraction of what it sums
                pieces += [*factors, self.read_factor()]
                factors = []
            else:
                factors.append(self.read_factor())
        return " ".join([*pieces, *factors])

    def read_factor(self, bare: bool = False) -> str:
        """Return a name, number or bracket with its scripts; bare: without the brackets around all of it."""
        token = self.take_token()
        if token in CLOSING:
            atom = self.read_bracket(token, bare and token == "(")
        elif token == "sqrt" and self.token == "(":
            atom = rf"\sqrt{{{self.read_bracket(self.take_token(), bare=True)}}}"
        else:
            atom = self.read_name(token)
        scripts: dict[str, str] = {}
        while self.token in ("_", "^"):
            kind = self.take_token()
            if kind in scripts:
                raise self.error(f"{token!r} has two scripts {kind!r}")
            scripts[kind] = self.read_script(kind)
        atom += "".join(f"{kind}{{{scripts[kind]}}}" for kind in ("_", "^") if kind in scripts)
        if bare and self.token == "(":
            atom += self.read_bracket(self.take_token(), bare=False)
        return atom

    def read_script(self, kind: str) -> str:
        """Return a subscript or an exponent."""
        if kind == "^" and self.token == "T":
            self.take_token()
            return r"\top"
        if self.token == "(":
            return self.read_bracket(self.take_token(), bare=True)
        return self.read_name(self.take_token())

    def read_name(self, token: str) -> str:
        """Return a name or number whose token is taken."""
        if not token[:1].isalnum():
            raise self.error(f"a name is missing before {token + self.token!r}")
        return set_name(token)

    def read_bracket(self, opening: str, bare: bool) -> str:
        """Return a bracket whose opening sign is taken; bare: only what it contains."""
        closing = CLOSING[opening]
        content = self.read_row(closing)
        if self.token != closing:
            raise self.error(f"{opening!r} is not closed")
        self.take_token()
        if bare:
            return content
        if opening == "|" or any(command in content for command in TALL):
            return rf"\left{opening} {content} \right{closing}"
        return f"{opening} {content} {closing}"


def set_name(name: str) -> str:
    """Return a name or a number in LaTeX."""
    letters = name.rstrip("'")
    if letters in SYMBOLS:
        return SYMBOLS[letters]
    if letters in GREEK or len(letters) == 1 or letters[0].isdigit():
        latex = GREEK.get(letters, letters)
    elif letters.endswith("bar") and len(letters) == 4:
        latex = rf"\bar{{{letters[0]}}}"
    else:
        latex = rf"\operatorname{{{letters}}}"
    primes = (len(name) - len(letters)) * "\N{PRIME}"
    return f"{{{latex}{primes}}}" if primes else latex
