"""The remote end of a check: another process, which makes a component and describes what it made."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from probekit.authors.check import subject_of
from probekit.authors.check.elsewhere import MARK, items_of, parameters_of
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import registry
from probekit.components import Component


def main() -> None:
    """Make in this process the component that standard input names, and tell what was made."""
    asked: Mapping[str, str] = json.load(sys.stdin)
    known = registry()
    if asked["target"]:
        name = parse_term(asked["asked"]).name
        known = known.with_components(Component(asked["kind"], name, asked["target"], ""))  # type: ignore[arg-type]
    bench: Any = subject_of(asked["kind"], asked["asked"], known)
    told = items_of(bench) if asked["kind"] == "probe" else parameters_of(bench)
    print(MARK + json.dumps(told), flush=True)
