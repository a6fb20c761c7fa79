"""What is guarded: a stream is a function of its key alone, its keys do not meet, its numbers are uniform."""

from __future__ import annotations

import numpy as np

from probekit_probes import streams


def test_words_are_splitmix64s() -> None:
    """Against the reference implementation's first outputs for seed 0."""
    found = streams.draw_words(np.zeros(1, np.uint64), 3)[0]
    assert [hex(word) for word in found.tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_a_key_is_the_same_from_numbers_and_from_arrays_and_its_order_counts() -> None:
    block = streams.derive_keys(3, np.arange(5), 7)
    assert [int(streams.derive_keys(3, i, 7)) for i in range(5)] == block.tolist()
    assert int(streams.derive_keys(1, 2)) != int(streams.derive_keys(2, 1))
    assert (
        int(streams.derive_keys(-1)) == int(streams.derive_keys(np.array(-1))) != int(streams.derive_keys(1))
    )


def test_keys_do_not_meet() -> None:
    keys = streams.derive_keys(np.arange(50)[:, None, None], np.arange(50)[:, None], np.arange(100))
    assert len(np.unique(keys)) == keys.size


def test_words_from_the_middle_are_those_of_the_whole_stream() -> None:
    keys = streams.derive_keys(0, np.arange(4))
    assert np.array_equal(streams.draw_words(keys, 10)[:, 6:], streams.draw_words(keys, 4, start=6))


def test_numbers_are_uniform() -> None:
    keys = streams.derive_keys(1, np.arange(2_000))
    drawn = np.bincount(streams.to_integers(streams.draw_words(keys, 50), 10).ravel(), minlength=10)
    assert len(drawn) == 10
    assert ((drawn - 10_000) ** 2 / 10_000).sum() < 27.9  # chi squared, 9 degrees of freedom, p = 0.001
    numbers = streams.draw_uniform(keys, 50)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 4 / np.sqrt(12 * numbers.size)
