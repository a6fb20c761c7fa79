"""The closed-form controls of recall: a value of the sequence, the same for every key."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit_probes.sequences import decode_tokens


class FirstValue:
    """Answers everywhere with the first value of the sequence.

    With k pairs and V values it is correct with probability 1/k + (1 - 1/k)/V: the query is the first key, or
    its value is the same by chance.

    Args:
        keys: number of different keys.
        values: number of different values.
    """

    def __init__(self, keys: int, values: int) -> None:
        self.keys, self.values = keys, values

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the values of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        first = decode_tokens(inputs)[:, 1:2] - self.keys - 1
        answers: Tensor = (first[:, None] == inputs.new_tensor(range(self.values))[:, None]).float()
        return answers.expand(-1, -1, inputs.shape[2])


class MostFrequentValue:
    """Answers everywhere with the most frequent value of the sequence, the best that binds no value to a key.

    Args:
        keys: number of different keys.
        values: number of different values.
    """

    def __init__(self, keys: int, values: int) -> None:
        self.keys, self.values = keys, values

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the values of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        counts = inputs[:, 1 + self.keys :].sum(2)
        answers = functional.one_hot(counts.argmax(1), self.values).to(inputs.dtype)
        return answers[..., None].expand(-1, -1, inputs.shape[2])
