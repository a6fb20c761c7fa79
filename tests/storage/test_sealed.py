"""What is guarded: of what carries a digest no byte can change, and no file can be cut, unseen."""

from __future__ import annotations

import json
import random

import pytest
import torch

from probekit.storage.sealed import DIGEST, Broken, parse, seal, seal_tensors, unseal, unseal_tensors

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(3, dtype=torch.int64)}
ABOUT = {"steps": 12, "log": "0" * 64, "inner": {"rate": 0.1}}


def test_what_was_sealed_comes_back() -> None:
    assert unseal(parse(seal(ABOUT))) == ABOUT
    tensors, about = unseal_tensors(seal_tensors(TENSORS, ABOUT))
    assert about == ABOUT
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_the_same_tensors_are_the_same_bytes() -> None:
    assert len({seal_tensors(TENSORS, ABOUT) for _ in range(20)}) == 1


def test_every_flipped_byte_and_every_cut_of_tensors_is_seen() -> None:
    whole = seal_tensors(TENSORS, ABOUT)
    for place in range(len(whole)):
        with pytest.raises(Broken):
            unseal_tensors(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for size in range(len(whole)):
        with pytest.raises(Broken):
            unseal_tensors(whole[:size])


def test_every_changed_digit_of_json_is_seen() -> None:
    whole = seal(ABOUT).decode()
    for place, sign in enumerate(whole):
        if sign.isdigit():
            changed = whole[:place] + str((int(sign) + 1) % 10) + whole[place + 1 :]
            with pytest.raises(Broken):
                unseal(parse(changed.encode()))


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{", "[" * 200_000, '{"a": ' * 100_000, '{"a": 1' + "0" * 5000 + "}"]
)
def test_what_is_no_json_object_is_broken(text: str) -> None:
    with pytest.raises(Broken):
        parse(text.encode())


def test_bytes_at_random_are_broken() -> None:
    for seed in range(300):
        content = random.Random(seed).randbytes(seed)
        with pytest.raises(Broken):
            unseal_tensors(content)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        seal({"loss": number})


def test_a_digest_made_anew_is_believed_as_it_guards_against_accident_alone() -> None:
    fields = json.loads(seal({"loss": 1.0}))
    del fields[DIGEST]
    assert unseal(parse(seal({**fields, "loss": 0.0}))) == {"loss": 0.0}
