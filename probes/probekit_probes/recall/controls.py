"""The controls of recall: a value that occurs, whatever is asked, and a window."""

from __future__ import annotations

from torch import Tensor

from probekit.interfaces import Dataset
from probekit_probes.words import tokens_of


class AValue:
    """Answers everywhere the first value of the word: the best that binds no value to a key.

    Of k pairs and V values it is right with chance 1/k + (1 - 1/k)/V: the key asked for is the first's, or
    its value is the same by chance.
    """

    def __init__(self, keys: int, values: int) -> None:
        self.keys, self.values = keys, values

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing: the values of a word say nothing of another's."""

    def __call__(self, inputs: Tensor) -> Tensor:
        first = tokens_of(inputs)[:, 1:2] - self.keys - 1
        answers: Tensor = (first[:, None] == inputs.new_tensor(range(self.values))[:, None]).float()
        return answers.expand(-1, -1, inputs.shape[2])
