"""What is guarded: of what carries a digest no byte can change, and no file can be cut, unseen."""

from __future__ import annotations

import json
import random

import pytest
import torch

from probekit.storage.checksum import (
    DIGEST,
    CorruptFile,
    decode_tensors,
    encode_json,
    encode_tensors,
    parse_json,
    verify_checksum,
)

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(3, dtype=torch.int64)}
ABOUT = {"steps": 12, "log": "0" * 64, "inner": {"rate": 0.1}}


def test_what_was_sealed_comes_back() -> None:
    assert verify_checksum(parse_json(encode_json(ABOUT))) == ABOUT
    tensors, about = decode_tensors(encode_tensors(TENSORS, ABOUT))
    assert about == ABOUT
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_the_same_tensors_are_the_same_bytes() -> None:
    assert len({encode_tensors(TENSORS, ABOUT) for _ in range(20)}) == 1


def test_every_flipped_byte_and_every_cut_of_tensors_is_seen() -> None:
    whole = encode_tensors(TENSORS, ABOUT)
    for place in range(len(whole)):
        with pytest.raises(CorruptFile):
            decode_tensors(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for size in range(len(whole)):
        with pytest.raises(CorruptFile):
            decode_tensors(whole[:size])


def test_every_changed_digit_of_json_is_seen() -> None:
    whole = encode_json(ABOUT).decode()
    for place, sign in enumerate(whole):
        if sign.isdigit():
            changed = whole[:place] + str((int(sign) + 1) % 10) + whole[place + 1 :]
            with pytest.raises(CorruptFile):
                verify_checksum(parse_json(changed.encode()))


@pytest.mark.parametrize("digits", ["1" + "0" * 400, "-1" + "0" * 400, "9" * 310])
def test_an_integer_beyond_all_floats_is_broken(digits: str) -> None:
    with pytest.raises(CorruptFile, match="an integer in it is too large"):
        parse_json(f'{{"a": [{digits}]}}'.encode())


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{", "[" * 200_000, '{"a": ' * 100_000, '{"a": 1' + "0" * 5000 + "}"]
)
def test_what_is_no_json_object_is_broken(text: str) -> None:
    with pytest.raises(CorruptFile):
        parse_json(text.encode())


def test_bytes_at_random_are_broken() -> None:
    for seed in range(300):
        content = random.Random(seed).randbytes(seed)
        with pytest.raises(CorruptFile):
            decode_tensors(content)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"loss": number})


def test_a_digest_made_anew_is_believed_as_it_guards_against_accident_alone() -> None:
    fields = json.loads(encode_json({"loss": 1.0}))
    del fields[DIGEST]
    assert verify_checksum(parse_json(encode_json({**fields, "loss": 0.0}))) == {"loss": 0.0}
