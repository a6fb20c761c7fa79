"""Learners predict labels from features: a table that looks them up, and a forest of trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from probekit.battery.form import Form, NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

TABLE_ROWS, FOREST_ROWS = 1 << 18, 40_000
TREES = 32
MIN_TRIED = 16
"""Least number of features that a tree tries at each cut, if there are as many."""
FEW_VALUES = 16


class Learner(Protocol):
    """Learns labels from integer features.

    Attributes:
        max_rows: Greatest number of rows that it learns from.
    """

    max_rows: int

    def fit(self, features: Tensor, labels: Tensor, form: Form) -> None:
        """Learn from features (rows, features) int64 and labels as of `View.labels`."""

    def predict(self, features: Tensor) -> Tensor:
        """Return the labels of features."""
        ...


class Table:
    """Remembers the best answer for each combination of features.

    A combination that training did not show gets the answer for its first features alone.

    Args:
        levels: How many of the first features to look up, from many to few, or a function that computes them
            from the number of features; None for all features.
    """

    max_rows = TABLE_ROWS

    def __init__(self, levels: Sequence[int] | Callable[[int], Sequence[int]] | None = None) -> None:
        self.levels = levels

    def fit(self, features: Tensor, labels: Tensor, form: Form) -> None:
        import torch

        width = features.shape[1]
        levels = self.levels(width) if callable(self.levels) else (self.levels or (width,))
        self.tables = []
        for level in (*levels, 0):
            keys, group = torch.unique(hash_features(features[:, :level]), return_inverse=True)
            self.tables.append((level, keys, summarise_groups(group, len(keys), labels, form)))

    def predict(self, features: Tensor) -> Tensor:
        import torch

        _, _, constant = self.tables[-1]
        answers = constant.expand(len(features), *constant.shape[1:]).clone()
        for level, keys, values in reversed(self.tables[:-1]):
            wanted_keys = hash_features(features[:, :level])
            index = torch.searchsorted(keys, wanted_keys).clamp(max=len(keys) - 1)
            is_seen = keys[index] == wanted_keys
            answers[is_seen] = values[index[is_seen]]
        return answers


def hash_features(features: Tensor) -> Tensor:
    """Return one number for each row of integer features, (rows,) int64."""
    import torch

    generator = torch.Generator().manual_seed(1)
    factors = torch.randint(-(2**62), 2**62, (features.shape[1],), generator=generator)
    return (features.long() * (2 * factors + 1)).sum(1)


def summarise_groups(group: Tensor, count: int, labels: Tensor, form: Form) -> Tensor:
    """Return the best answer for each group: its most frequent class, or the average of its numbers.

    Args:
        group: The group of each label, (rows,) int64.
        count: Number of groups.
        labels: Classes (rows,) int64, or numbers (rows, outputs).
        form: The form, which names the average.

    Returns:
        Classes (groups,) int64, or numbers (groups, outputs).
    """
    import torch

    if form.classes:
        counts = torch.bincount(group * form.classes + labels, minlength=count * form.classes)
        return counts.view(count, form.classes).argmax(1)
    sizes = torch.bincount(group, minlength=count)
    if form.centre == "mean":
        sums = labels.new_zeros(count, labels.shape[1], dtype=torch.float64)
        return sums.index_add(0, group, labels.double()) / sizes[:, None]
    middles = sizes.cumsum(0) - sizes + (sizes - 1) // 2
    columns = []
    for column in labels.unbind(1):
        by_value = column.argsort()
        order = by_value[group[by_value].argsort(stable=True)]
        columns.append(column[order[middles]])
    return torch.stack(columns, 1)


class Forest:
    """Learns with a forest of extremely randomised trees, from scikit-learn.

    Numbers whose best average is the median, and that take few values, are learned as classes: a mean of
    values scores worse than the likeliest one.

    Args:
        rows: Greatest number of rows that it learns from.
    """

    def __init__(self, rows: int = FOREST_ROWS) -> None:
        self.max_rows = rows

    def fit(self, features: Tensor, labels: Tensor, form: Form) -> None:
        import torch

        ensemble = import_sklearn("ensemble")
        wide = features.shape[1]
        tried = max(int(wide**0.5), min(MIN_TRIED, wide))
        self.values: Tensor | None = None
        if not form.classes and form.centre == "median" and labels.shape[1] == 1:
            values, index = torch.unique(labels[:, 0], return_inverse=True)
            if len(values) <= FEW_VALUES:
                self.values, labels = values[:, None], index
        make_forest = ensemble.ExtraTreesRegressor if labels.ndim > 1 else ensemble.ExtraTreesClassifier
        self.forest: Any = make_forest(TREES, max_features=tried, random_state=0, n_jobs=1)
        self.forest.fit(features.numpy(), labels.squeeze(-1).numpy() if labels.ndim > 1 else labels.numpy())

    def predict(self, features: Tensor) -> Tensor:
        import torch

        answers = torch.from_numpy(self.forest.predict(features.numpy()))
        if self.values is not None:
            return self.values[answers]
        return answers.view(len(features), -1) if answers.is_floating_point() else answers


def import_sklearn(module: str) -> Any:
    """Return a module of scikit-learn.

    Raises:
        NotApplicable: scikit-learn is not installed.
    """
    try:
        import_module("sklearn")
        return import_module(f"sklearn.{module}")
    except ImportError:
        message = 'scikit-learn is missing; type pip install "probekit-nn[certify]"'
        raise NotApplicable(message) from None
