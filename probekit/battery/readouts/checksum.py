"""Solvers that add up the whole item modulo small primes: counts of symbols, or a checksum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.features import item_counts, join
from probekit.battery.form import Form, NotApplicable
from probekit.battery.learners import Table
from probekit.battery.order import find_weights
from probekit.battery.readouts.readout import Readout
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

MAX_TERMS = 256
"""Greatest number of terms of a sum."""
EQUATIONS = 2
"""How many rows per unknown determine the weights; the others confirm them."""


class ItemSums(Readout):
    """Answers by the counts of symbols in the item, each with a weight, modulo 2, 3 and 5."""

    name = "sums over the item, modulo 2, 3 and 5"
    lacks = "It adds up the symbols of the item, and knows no place."
    against: tuple[str, ...] = ("order", "position", "binding")

    def read_numbers(self, view: View) -> Tensor:
        return item_counts(view)

    def learn(self, numbers: Tensor, labels: Tensor, form: Form) -> None:
        if numbers.shape[1] > MAX_TERMS:
            raise NotApplicable(f"a sum over an item has {numbers.shape[1]:,} terms, more than {MAX_TERMS}")
        self.weights = find_weights(numbers, labels, form.classes, EQUATIONS)
        if not self.weights:
            raise NotApplicable("no sum over the item, modulo 2, 3 or 5, decides anything")
        self.table = Table()
        self.table.fit(self.add_up(numbers), labels, form)

    def add_up(self, numbers: Tensor) -> Tensor:
        """Return the sums of each item, (items, sums) int64."""
        return join(*(numbers @ weights % prime for prime, weights in self.weights.items()))

    def answer(self, numbers: Tensor) -> Tensor:
        return self.table.predict(self.add_up(numbers))


class Checksum(ItemSums):
    """Answers by sums in which each symbol has a weight for each position."""

    name = "checksum of the item"
    lacks = "It adds up symbols, weighted by place, modulo 2, 3 and 5, and does nothing else."
    against = ("any property",)

    def read_numbers(self, view: View) -> Tensor:
        from torch.nn import functional

        symbols = view.form.symbols
        terms = view.tokens[0].numel() * symbols
        if terms > MAX_TERMS:
            raise NotApplicable(f"a sum over an item has {terms:,} terms, more than {MAX_TERMS}")
        return functional.one_hot(view.tokens.flatten(1), symbols).flatten(1)
