"""A record lists the files of an installed distribution with their hashes, as an installer from an index does."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path


def write_record(site: Path, info: Path) -> None:
    """Write the RECORD of a distribution, of its metadata and of the folder or module called like it."""
    name = info.name.partition("-")[0]
    found = (*site.glob(f"{name}/**/*"), *site.glob(f"{name}.py"), *info.glob("*"))
    lines = []
    for path in sorted(found):
        if path.is_file() and path.name != "RECORD" and path.suffix != ".pyc":
            content = path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{path.relative_to(site)},sha256={digest},{len(content)}")
    lines.append(f"{(info / 'RECORD').relative_to(site)},,")
    (info / "RECORD").write_text("\n".join(lines) + "\n")
