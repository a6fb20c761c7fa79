"""The program of another process: it makes a component and describes it to the process that started it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from probekit.authors.check import make_fixture
from probekit.authors.check.other_process import MARK, describe_items, describe_parameters
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import registry
from probekit.plugin.components import Component


def main() -> None:
    """Read a request from stdin, make its component and print its description."""
    request: Mapping[str, str] = json.load(sys.stdin)
    components = registry()
    if request["target"]:
        name = parse_term(request["request"], takes_layers=True).name
        component = Component(request["kind"], name, request["target"], "")  # type: ignore[arg-type]
        components = components.with_components(component)
    fixture: Any = make_fixture(request["kind"], request["request"], components)
    is_probe = request["kind"] == "probe"
    description = describe_items(fixture) if is_probe else describe_parameters(fixture)
    print(MARK + json.dumps(description), flush=True)
