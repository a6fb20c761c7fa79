"""The battery puts generic solvers that lack a property to a probe, to find its shortcuts."""
