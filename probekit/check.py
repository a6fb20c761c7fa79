"""This door gives plugin authors the conformance kit: `from probekit.check import checks`."""

from probekit.authors.check import Check, CheckFailed, Finding, checks, fail

__all__ = ["Check", "CheckFailed", "Finding", "checks", "fail"]
