"""Solvers of sequences that know which tokens came, or the last few, but not all of them in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.features import (
    join,
    past_offsets,
    read_coordinates,
    read_prefix_counts,
    read_window,
    require_sequences,
)
from probekit.battery.form import NotApplicable
from probekit.battery.learners import Table, hash_features
from probekit.battery.solver import FeatureSolver, Solver
from probekit.battery.view import Rows, View

if TYPE_CHECKING:
    from torch import Tensor

MODULI = (2, 3, 5)
EQUATIONS = 8
"""How many rows per unknown determine the sums."""
WINDOW = 7


class ModularSums:
    """Describes a row by sums, modulo small primes, over the tokens up to it, in any order.

    Each token has a weight, so that the sum decides a part of the answer: the sums of all weights of tokens
    and classes with that property are a null space over the integers modulo the prime. For the product of
    elements of a group, it finds every abelian part, such as the sign of a permutation.
    """

    weights: dict[int, Tensor] | None = None

    def __call__(self, view: View, rows: Rows) -> Tensor:
        counts = read_prefix_counts(view, rows)
        if self.weights is None:  # the first call is on training items
            self.weights = find_weights(counts, view.read_labels(rows), view.form.classes)
            if not self.weights:
                raise NotApplicable("no sum over the tokens so far, modulo 2, 3 or 5, decides anything")
        return join(*(counts @ weights % prime for prime, weights in self.weights.items()))


def find_weights(
    counts: Tensor, labels: Tensor, classes: int, equations_per_unknown: int = EQUATIONS
) -> dict[int, Tensor]:
    """Return by prime the weights of symbols whose sums depend on the answer alone, (symbols, sums) int64.

    Args:
        counts: Counts of the symbols up to each row, (rows, symbols).
        labels: Class of each row, (rows,).
        classes: Number of classes.
        equations_per_unknown: How many rows per unknown determine the sums; all rows must confirm them.
    """
    import torch
    from torch.nn import functional

    if not classes:
        raise NotApplicable("targets are numbers, so sums modulo a prime do not decide them")
    table = torch.cat([counts, -functional.one_hot(labels, classes)], 1)
    equations = table[: equations_per_unknown * table.shape[1]]
    found_weights = {}
    for prime in MODULI:
        null_space = find_null_space(equations, prime)
        if not len(null_space):
            continue
        null_space = null_space[((table @ null_space.T) % prime == 0).all(0)]
        decisive = [row for row in null_space if len(row[counts.shape[1] :].unique()) > 1]
        if decisive:
            found_weights[prime] = torch.stack(decisive, 1)[: counts.shape[1]]
    return found_weights


def find_null_space(equations: Tensor, prime: int) -> Tensor:
    """Return a basis of the solutions x of equations @ x = 0 modulo a prime, (solutions, unknowns) int64."""
    import torch

    matrix = equations.long() % prime
    unknowns, pivots = matrix.shape[1], list[int]()
    for column in range(unknowns):
        rank = len(pivots)
        candidates = matrix[rank:, column].nonzero()
        if not len(candidates):
            continue
        row = rank + int(candidates[0])
        matrix[[rank, row]] = matrix[[row, rank]]
        matrix[rank] = matrix[rank] * pow(int(matrix[rank, column]), -1, prime) % prime
        factors = matrix[:, column].clone()
        factors[rank] = 0
        matrix = (matrix - factors[:, None] * matrix[rank]) % prime
        pivots.append(column)
    free = [column for column in range(unknowns) if column not in pivots]
    basis = torch.zeros(len(free), unknowns, dtype=torch.int64)
    for index, column in enumerate(free):
        basis[index, column] = 1
        basis[index, pivots] = -matrix[: len(pivots), column] % prime
    return basis


class WindowMachine(Solver):
    """Composes the moves in a window: the next answer from the answer before it and one token.

    It learns both tables from training items: the first answer, and each next one. In a longer sequence it
    starts at the first position of the window as if the sequence began there.
    """

    name = f"state machine over {WINDOW} positions"
    lacks = f"It sees nothing that lies more than {WINDOW - 1} positions back."
    against = ("state tracking", "parity", "memory", "nonlocality")
    light = True

    def __init__(self) -> None:
        self.first, self.next = Table(), Table()

    def fit(self, train: View) -> None:
        require_sequences(train)
        form = train.form
        if not form.classes:
            raise NotApplicable("targets are numbers, so they are no states")
        tokens, states = train.tokens, train.targets.argmax(1)
        both = train.scored[:, 1:] & train.scored[:, :-1]
        if not bool(both.any()) or not bool(train.scored[:, 0].any()):
            raise NotApplicable("no two neighbouring positions from the start are scored")
        begins = train.scored[:, 0]
        self.first.fit(tokens[begins, :1], states[begins, 0], form)
        self.next.fit(self.pair(states[:, :-1], tokens[:, 1:])[both], states[:, 1:][both], form)

    @staticmethod
    def pair(states: Tensor, tokens: Tensor) -> Tensor:
        """Return states and tokens as features, (..., 2)."""
        import torch

        return torch.stack([states, tokens], -1)

    def predict(self, view: View) -> Tensor:
        return self.read_states(view, view.rows)

    def read_states(self, view: View, rows: Rows) -> Tensor:
        """Return the state that the window of each row leads to, (rows,)."""
        border = view.form.symbols
        window = read_window(view, rows, past_offsets(WINDOW)).flip(1)
        state = self.first.predict(window[:, :1])
        for index in range(1, WINDOW):
            started = window[:, index - 1] != border
            after = self.next.predict(self.pair(state, window[:, index]))
            state = after.where(started, self.first.predict(window[:, index : index + 1]))
        return state


class MachineAndSums(FeatureSolver):
    """Joins the state machine over a window with sums over all tokens in any order."""

    def __init__(self) -> None:
        self.machine, self.sums = WindowMachine(), ModularSums()
        super().__init__(
            "state machine joined with sums in any order",
            f"It knows the order of the last {WINDOW} tokens only; of the others it knows sums.",
            ("state tracking",),
            Table((3, 1)),
            self.read_features,
        )

    def fit(self, train: View) -> None:
        self.machine.fit(train)
        super().fit(train)

    def read_features(self, view: View, rows: Rows) -> Tensor:
        """Return one number for the sums, the state, and whether the window reaches the start."""
        state = self.machine.read_states(view, rows)[:, None]
        reaches_start = read_coordinates(view, rows).clamp(max=WINDOW)
        return join(hash_features(self.sums(view, rows))[:, None], state, reaches_start)
