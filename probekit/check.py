"""The conformance kit for plugin authors: `from probekit.check import checks`."""

from probekit.authors.check import Check, CheckFailed, Finding, checks, fail

__all__ = ["Check", "CheckFailed", "Finding", "checks", "fail"]
