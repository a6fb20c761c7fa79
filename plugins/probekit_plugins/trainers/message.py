"""Messages between the processes of a training: a kind and a value, copied through a pipe."""

from __future__ import annotations

import io
from multiprocessing.connection import Connection
from typing import Any

READY, FILES, PART = "ready", "files", "part"
STEP, ROW, STATE, NEXT, FAILED = "step", "row", "state", "next", "failed"


class Gone(Exception):
    """The other end of a pipe is closed, or its process has ended."""


def pack_value(value: Any) -> bytes:
    """Return a value as bytes, its tensors copied: shared memory would change with its owner."""
    import torch

    packed = io.BytesIO()
    torch.save(value, packed)
    return packed.getvalue()


def unpack_value(packed: bytes) -> Any:
    """Return a value that another process of this training packed."""
    import torch

    return torch.load(io.BytesIO(packed), weights_only=False)


def send_message(pipe: Connection, kind: str, packed: bytes | None = None) -> None:
    """Send a message with a packed value; raises Gone where the other end is gone."""
    try:
        pipe.send((kind, packed))
    except OSError as error:
        raise Gone from error


def receive_message(pipe: Connection) -> tuple[str, Any]:
    """Wait for a message; raises Gone where the other end is gone."""
    try:
        kind, packed = pipe.recv()
    except (EOFError, OSError) as error:
        raise Gone from error
    return kind, None if packed is None else unpack_value(packed)
