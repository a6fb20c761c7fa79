"""The battery puts generic solvers that lack a property to a probe, to find the shortcuts that it leaves open."""
