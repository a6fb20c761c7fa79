"""Count how the cost of each built-in layer grows with positions, and write what `probekit survey` ships.

python examples/growth.py    # two minutes
"""

from __future__ import annotations

from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import registry
from probekit.rows.growth import GROWTH, encode_growths, measure_growth


def main() -> None:
    """Write the exponents."""
    known = registry()
    owners = {component.name: known.find_plugin(component) for component in known.components("layer")}
    names = sorted(name for name, owner in owners.items() if owner and owner.distribution == DISTRIBUTION)
    GROWTH.write_text(encode_growths({name: measure_growth(name, known) for name in names}), encoding="utf-8")


if __name__ == "__main__":
    main()
