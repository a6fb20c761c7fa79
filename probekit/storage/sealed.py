"""What is sealed carries a digest of itself: JSON in a field, tensors in their file's header.

The digest guards against accident, not intent: who edits a file can make it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit.plans.finite import as_json

if TYPE_CHECKING:
    from torch import Tensor

DIGEST, ABOUT = "digest", "probekit"
BLANK = "0" * 64


class Broken(ValueError):
    """Content that is not as it was sealed; says what is wrong with it."""


def digest(fields: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON fields, infinity among them: version 0.1.0 stored it."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def seal(fields: Mapping[str, Any]) -> bytes:
    """Return fields as JSON with their digest; raises ValueError for a number that is not finite.

    What is no Unicode in a text, a lone surrogate, becomes `?`: `parse` refuses it.
    """
    unicode: dict[str, Any] = json.loads(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))
    return as_json({**unicode, DIGEST: digest(unicode)}, indent=1).encode()


def parse(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a content; raises Broken where it is none, or a text in it is no Unicode."""
    try:
        fields = json.loads(content)
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Broken("a text in it is no Unicode (it holds a lone surrogate)") from error
    except (ValueError, RecursionError) as error:
        raise Broken(f"it is not whole JSON ({type(error).__name__})") from error
    if not isinstance(fields, dict):
        raise Broken("it is no JSON object")
    return fields


def unseal(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that were sealed; raises Broken where their digest is missing or another."""
    if DIGEST not in fields:
        raise Broken("it carries no digest")
    inner = {key: value for key, value in fields.items() if key != DIGEST}
    if fields[DIGEST] != digest(inner):
        raise Broken("it was changed after it was stored")
    return inner


def seal_tensors(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """Return tensors, and JSON about them, as safetensors with the digest of the whole in the header."""
    from safetensors.torch import save

    # copies, as weights tied to each other share their memory, which safetensors refuses
    plain = {key: plain_tensor(value) for key, value in tensors.items()}
    # one entry, as several come in any order, and the same tensors are to be the same bytes
    said = as_json({DIGEST: BLANK, **about})
    blank = save(plain, metadata={ABOUT: said})
    return blank.replace(BLANK.encode(), hashlib.sha256(blank).hexdigest().encode(), 1)


def plain_tensor(tensor: Tensor) -> Tensor:
    """Return a copy of a tensor as files hold it: on the CPU, in C order, no conjugation left to be done."""
    import torch

    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    return plain.clone(memory_format=torch.contiguous_format)


def unseal_tensors(content: bytes, *, checked: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and what was said about them.

    checked: whether the content's digest was held already, as files of 0.1.0 carry none. Raises Broken where
    it is not as it was sealed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    header = parse(content[8 : 8 + length])
    entries = header.get("__metadata__")
    if not isinstance(entries, dict) or not isinstance(entries.get(ABOUT), str):
        raise Broken("its header says nothing of probekit")
    about = parse(entries[ABOUT].encode())
    mark = str(about.pop(DIGEST, ""))
    if not checked:
        blank = content.replace(mark.encode(), BLANK.encode(), 1) if len(mark) == len(BLANK) else b""
        if hashlib.sha256(blank).hexdigest() != mark:
            raise Broken("it is truncated or was changed after it was stored")
    try:
        return load(content), about
    except (SafetensorError, KeyError, ValueError) as error:
        raise Broken(f"it is not whole ({error})") from error
