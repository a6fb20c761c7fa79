"""A fixture is a component that is prepared for the checks of its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probekit.catalog.part import Part
    from probekit.catalog.registry import Registry


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
