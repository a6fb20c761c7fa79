"""Run by hand: put every built-in part of a structure through the kit, and print a table.

python tests/conformance.py > examples/results/conformance.md
"""

from __future__ import annotations

from probekit.authors.check import checks
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import registry
from probekit.plugin.components import Kind

SIGNS = {"holds": "holds", "does not apply": "-", "expected": "-", "fails": "FAILS"}
KINDS: tuple[Kind, ...] = ("layer", "combinator", "encoding", "structure")


def main() -> None:
    known = registry()
    print("# Conformance of the built-in components\n")
    print(
        "`python tests/conformance.py` prints the result of each check of `probekit check`. `-` means that "
        "the check does not apply;\nthe reasons are below the table."
    )
    for kind in KINDS:
        rows: dict[str, dict[str, str]] = {}
        why: dict[str, list[str]] = {}
        for component in known.components(kind):
            owner = known.find_plugin(component)
            if owner is None or owner.distribution != DISTRIBUTION or component.name == "pretrained":
                continue
            for check in checks(kind, component.long_name):
                found = check.evaluate()
                rows.setdefault(component.name, {})[check.name] = SIGNS[found.state]
                if found.state != "holds":
                    why.setdefault(f"{check.name}: {found.reason}", []).append(component.name)
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        print(f"\n## {kind}s\n\n| {kind} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
        for part, row in rows.items():
            print(f"| {part} | {' | '.join(row.get(name, '') for name in names)} |", flush=True)
        for reason, parts in why.items():
            print(f"\n{reason} ({', '.join(parts)})")


if __name__ == "__main__":
    main()
