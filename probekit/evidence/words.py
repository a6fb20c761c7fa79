"""Words of verdicts: all of them, in the order in which tables list them."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """The word of a verdict. It equals its text; in JSON and CSV it is its text."""

    HAS = "has it"
    PARTLY = "partly"
    LACKS = "lacks it"
    FITS = "fits, does not generalise"
    COVARIANT = "covariant; knows no place"
    LEARNED = "k of n seeds learned it"
    UNDECIDED = "undecided"
    DID_NOT_FIT = "did not fit"
    LEARNING = "still learning"
    CONSTANT = "constant"
    UNMEASURED = "not measured"

    @property
    def is_decided(self) -> bool:
        """Whether the word says something about the property."""
        return self in DECIDED


DECIDED = frozenset({Word.HAS, Word.PARTLY, Word.LACKS, Word.FITS, Word.COVARIANT, Word.LEARNED})
