"""Solvers of pair data: one look-up of a token, one with exclusion of what cannot be, and two look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.constants import match_tokens
from probekit.battery.features import read_window, require_sequences
from probekit.battery.solver import Solver
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

OFFSETS = (1, 2, -1, -2)
"""Where the answer stands, counted from another occurrence of the queried token."""
MIN_ROWS = 8
"""Least number of training rows by which a context chooses its own rule."""


class LookUp(Solver):
    """Answers with the neighbour of another occurrence of the queried token.

    The token before the query chooses, by the training items, which neighbour to take. An occurrence counts
    if its neighbour is a token that stands for a class.

    Args:
        steps: Number of look-ups, one or two.
        exclude: Also try the first answer token of the item that is neither the query nor what was found.
    """

    against = ("recall", "multi-hop reasoning", "binding")
    light = True

    def __init__(self, steps: int = 1, exclude: bool = False) -> None:
        self.steps, self.exclude = steps, exclude
        self.name = f"{'one look-up' if steps == 1 else 'two look-ups'}{' and exclusion' if exclude else ''}"
        number = "one association" if steps == 1 else "two associations in a row"
        self.lacks = f"It follows {number}, and no more."

    def fit(self, train: View) -> None:
        import torch

        require_sequences(train)
        self.token_of_class = match_tokens(train)
        answers = self.list_answers(train)
        correct = (answers == train.labels[:, None]).double()
        context, symbols = self.read_context(train), train.form.symbols + 1
        rows = torch.bincount(context, minlength=symbols)
        share = torch.zeros(symbols, correct.shape[1], dtype=torch.float64).index_add(0, context, correct)
        share[rows < MIN_ROWS] = correct.sum(0)
        self.rule_of_context = share.argmax(1)

    def predict(self, view: View) -> Tensor:
        rule = self.rule_of_context[self.read_context(view)]
        return self.list_answers(view).gather(1, rule[:, None])[:, 0].clamp(min=0)

    def read_context(self, view: View) -> Tensor:
        """Return the symbol before each row, (rows,)."""
        return read_window(view, view.rows, [(-1,)])[:, 0]

    def list_answers(self, view: View) -> Tensor:
        """Return the class that each rule answers, (rows, rules) int64; -1 for none."""
        import torch

        item, position = view.rows
        query = view.tokens[item, position]
        columns = []
        for offset in OFFSETS:
            neighbour, is_answer = self.find_answer_neighbours(view, offset)
            answer = query
            for _ in range(self.steps):
                answer = look_up(view, answer, neighbour, is_answer)
                columns.append(self.to_class(answer, view.form.symbols))
            if self.exclude:
                columns.append(self.to_class(self.find_remaining(view, query, answer), view.form.symbols))
        return torch.stack(columns, 1)

    def find_answer_neighbours(self, view: View, offset: int) -> tuple[Tensor, Tensor]:
        """Return each position's neighbour and whether it stands for a class, (items, positions) each."""
        import torch

        tokens, border = view.tokens, view.form.symbols
        neighbour = tokens.roll(-offset, 1)
        index = torch.arange(tokens.shape[1]) + offset
        is_inside = (index >= 0) & (index < tokens.shape[1])
        neighbour = neighbour.where(is_inside, torch.full_like(tokens, border))
        return neighbour, torch.isin(neighbour, self.token_of_class)

    def find_remaining(self, view: View, query: Tensor, found_token: Tensor) -> Tensor:
        """Return the first answer token of the item that is neither the query nor what a look-up found."""
        tokens = view.tokens[view.rows[0]]
        is_answer = (tokens[..., None] == self.token_of_class).any(2)
        is_left = is_answer & (tokens != query[:, None]) & (tokens != found_token[:, None])
        return take_first(tokens, is_left)

    def to_class(self, tokens: Tensor, symbols: int) -> Tensor:
        """Return the class that each token stands for, -1 for none."""
        import torch

        class_of_token = torch.full((symbols + 2,), -1)
        class_of_token[self.token_of_class] = torch.arange(len(self.token_of_class))
        return class_of_token[tokens]


def look_up(view: View, query: Tensor, neighbour: Tensor, is_answer: Tensor) -> Tensor:
    """Return the neighbour of the first other occurrence of each row's token, (rows,)."""
    import torch

    item, position = view.rows
    matches = (view.tokens[item] == query[:, None]) & is_answer[item]
    matches &= torch.arange(view.tokens.shape[1]) != position[:, None]
    return take_first(neighbour[item], matches)


def take_first(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the first token of each row inside the mask, (rows,); -1, which is no token, if it is empty."""
    first = tokens.gather(1, mask.int().argmax(1, keepdim=True))[:, 0]
    return first.masked_fill(~mask.any(1), -1)
