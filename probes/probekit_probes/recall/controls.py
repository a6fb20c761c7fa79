"""The closed-form controls of recall: a value of the sequence for every key, and a memory of two pairs."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit_probes.sequences import decode_tokens


class SameValue:
    """Base of the controls that answer everywhere with one value of the sequence.

    Args:
        keys: number of different keys.
        values: number of different values.
    """

    def __init__(self, keys: int, values: int) -> None:
        self.keys, self.values = keys, values

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the values of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        value = self.choose_value(inputs)[:, None, None]
        answers: Tensor = (value == inputs.new_tensor(range(self.values))[:, None]).float()
        return answers.expand(-1, -1, inputs.shape[2])

    def choose_value(self, inputs: Tensor) -> Tensor:
        """Return the value of each sequence, (batch,) int64."""
        raise NotImplementedError


class FirstValue(SameValue):
    """Answers everywhere with the first value of the sequence.

    With k pairs and V values it is correct with probability 1/k + (1 - 1/k)/V: the query is the first key, or
    its value is the same by chance.
    """

    def choose_value(self, inputs: Tensor) -> Tensor:
        """Return the value after the first key."""
        return decode_tokens(inputs)[:, 1] - self.keys - 1


class MostFrequentValue(SameValue):
    """Answers everywhere with the most frequent value, the best that binds no value to a key."""

    def choose_value(self, inputs: Tensor) -> Tensor:
        """Return the value that occurs most often."""
        return inputs[:, 1 + self.keys :].sum(2).argmax(1)


class FirstPairs:
    """Remembers the first pairs; other keys get the most frequent of the other values.

    Args:
        count: number of pairs that it remembers.
        keys: number of different keys.
        values: number of different values.
    """

    def __init__(self, count: int, keys: int, values: int) -> None:
        self.count, self.keys, self.values = count, keys, values

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the pairs of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        keys, values = inputs[:, 1 : 1 + self.keys], inputs[:, 1 + self.keys :]
        number = values.sum(1, keepdim=True).cumsum(2)
        rest = (values * (number > self.count)).sum(2)
        answers = functional.one_hot(rest.argmax(1), self.values).to(inputs.dtype)[..., None]
        answers = answers.expand(-1, -1, inputs.shape[2])
        for place in range(self.count):
            is_key = (keys[:, :, 2 * place, None] * keys).sum(1, keepdim=True)
            answers = answers.lerp(values[:, :, 2 * place + 1, None], is_key)
        return answers
