"""Dyck-2 of bounded depth (Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal
memory", EMNLP 2020, section 2): is a word of two kinds of brackets balanced?"""

import random
from functools import partial

import torch

from probekit import Constant, Items, Probe, Scale, Shape
from probekit.plugin import masked
from probekit.plugin.items import pad_item


def word(size, depth, draw):
    """Draw a balanced word, 0 to 3 for ( [ ) ], and the places of brackets that close a distant one."""
    tokens, opened, distant = [], [], []
    for left in range(2 * draw.randint(size // 4, size // 2), 0, -1):
        if not opened or (len(opened) < min(depth, left) and draw.randrange(2)):
            opened.append(len(tokens))
            tokens.append(draw.randrange(2))
        else:
            first = opened.pop()
            distant += [len(tokens)] * (len(tokens) - first > 4)
            tokens.append(tokens[first] + 2)
    return torch.tensor(tokens), distant


def item(size, depth, split, seed, index):
    draw, kinds = random.Random(f"{split} {seed} {index}"), ()
    while len(kinds) < 2:
        tokens, distant = word(size, depth, draw)
        kinds = {int(tokens[place]): place for place in draw.sample(distant, len(distant))}
    balanced = draw.randrange(2)
    if not balanced:  # two brackets are exchanged, so all counts stay
        places = list(kinds.values())
        tokens[places] = tokens[places[::-1]]
    return pad_item(torch.eye(4)[tokens].T, torch.eye(2)[balanced], (size,))


class Dyck(Probe):
    """Inputs: one-hot ( [ ) ] and the mask of `padded`. Targets: wrong or balanced, one per word."""

    property, version, structure = "matching of brackets", 1, "plain"
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    golden = {1: "72c13369e0d6cb6d"}
    scales = {
        "smoke": Scale("seconds", {"train": 256, "test": 64}, {"epochs": 2}, width=8),
        "quick": Scale("minutes", {}, {"batch": 64, "epochs": 8, "lr": 3e-3}, width=32),
    }

    def __init__(
        self, *, size: int = 32, depth: int = 4, train: int = 16_000, validation: int = 256, test: int = 512
    ):
        self.size, self.depth = size, depth
        self.shape = Shape(5, 2, (size,), pooled=True, padded=True)
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.metrics = (masked.make_accuracy(chance=0.5),)

    def data(self, split, seed):
        seed = seed if split == "train" else 0
        return Items(self.lengths[split], partial(item, self.size, self.depth, split, seed))

    def oracle(self, inputs):
        answers = []
        for row in inputs:
            word, length = (
                "".join("([)]"[row[:4, place].argmax()] for place in range(int(row[4].sum()))),
                None,
            )
            while length != len(word):
                length, word = len(word), word.replace("()", "").replace("[]", "")
            answers.append(not word)
        return torch.eye(2)[torch.tensor(answers).long()]

    def controls(self):
        return {"constant": Constant()}
