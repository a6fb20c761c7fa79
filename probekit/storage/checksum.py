"""Checksums inside files: JSON carries one in a field, tensors in their file's header.

They guard against accidents, not intent: whoever edits a file can compute a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit.plans.finite import to_json

if TYPE_CHECKING:
    from torch import Tensor

DIGEST, ABOUT = "digest", "probekit"
BLANK = "0" * 64


class CorruptFile(ValueError):
    """The content does not match its checksum or its format; the message says how."""


def compute_checksum(fields: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON fields; infinity is allowed, as version 0.1.0 stored it."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def encode_json(fields: Mapping[str, Any]) -> bytes:
    """Return fields as JSON with their checksum; raises ValueError for a number that is not finite.

    A lone surrogate in a text becomes `?`, as `parse_json` refuses it.
    """
    unicode: dict[str, Any] = json.loads(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))
    return to_json({**unicode, DIGEST: compute_checksum(unicode)}, indent=1).encode()


def parse_json(content: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        CorruptFile: If the content is not one, or holds a lone surrogate or an integer that no float holds.
    """
    try:
        fields = json.loads(content, parse_int=parse_integer)
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise CorruptFile("a text in it is not Unicode (it holds a lone surrogate)") from error
    except OverflowError as error:
        raise CorruptFile("an integer in it is too large for any count or score") from error
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"it is not whole JSON ({type(error).__name__})") from error
    if not isinstance(fields, dict):
        raise CorruptFile("it is not a JSON object")
    return fields


def parse_integer(digits: str) -> int:
    """Return an integer; raises OverflowError where arithmetic with floats would."""
    value = int(digits)
    float(value)
    return value


def verify_checksum(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without their checksum; raises CorruptFile if it is missing or wrong."""
    if DIGEST not in fields:
        raise CorruptFile("it carries no checksum")
    content = {key: value for key, value in fields.items() if key != DIGEST}
    if fields[DIGEST] != compute_checksum(content):
        raise CorruptFile("it was changed after it was stored")
    return content


def encode_tensors(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """Return tensors and JSON about them as safetensors, with a checksum of all of it in the header."""
    from safetensors.torch import save

    # copies, as tied weights share their memory, which safetensors refuses
    copies = {key: copy_plain(value) for key, value in tensors.items()}
    # a single entry: safetensors writes several in any order, and equal tensors must give equal bytes
    blank = save(copies, metadata={ABOUT: to_json({DIGEST: BLANK, **about})})
    return blank.replace(BLANK.encode(), hashlib.sha256(blank).hexdigest().encode(), 1)


def copy_plain(tensor: Tensor) -> Tensor:
    """Return a copy of a tensor as files hold it: on the CPU, in C order, conjugation resolved."""
    import torch

    resolved = tensor.detach().cpu().resolve_conj().resolve_neg()
    return resolved.clone(memory_format=torch.contiguous_format)


def decode_tensors(content: bytes, *, checked: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the JSON about them.

    Args:
        content: What `encode_tensors` returned.
        checked: Whether the caller has checked the content's sha256, as for files of 0.1.0, which carry
            no checksum.

    Raises:
        CorruptFile: The content does not match its checksum.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    entries = parse_json(content[8 : 8 + length]).get("__metadata__")
    if not isinstance(entries, dict) or not isinstance(entries.get(ABOUT), str):
        raise CorruptFile("its header has no entry of probekit")
    about = parse_json(entries[ABOUT].encode())
    checksum = str(about.pop(DIGEST, ""))
    if not checked:
        blank = content.replace(checksum.encode(), BLANK.encode(), 1) if len(checksum) == len(BLANK) else b""
        if hashlib.sha256(blank).hexdigest() != checksum:
            raise CorruptFile("it is truncated or was changed after it was stored")
    try:
        return load(content), about
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptFile(f"it is not whole ({error})") from error
