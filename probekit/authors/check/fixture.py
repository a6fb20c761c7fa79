"""A fixture is a component that is prepared for the checks of its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probekit.catalog.plugins import make_manager
from probekit.catalog.registry import Registry

if TYPE_CHECKING:
    from probekit.catalog.part import Part


@dataclass(frozen=True, slots=True)
class Fixture(ABC):
    """A component of any kind, prepared for checks.

    Attributes:
        part: The component with its parameters.
        registry: The installed components.
        request: The component as it was typed.
    """

    part: Part
    registry: Registry
    request: str

    @abstractmethod
    def exercise(self) -> None:
        """Make the component, and use it where that takes a moment."""


def copy_unobserved(registry: Registry) -> Registry:
    """Return a registry with the same components, which nothing observes."""
    return Registry(make_manager(), registry.plugins, registry.components(), [], set())
