"""A metric, a scale and a control for the probe recall, which another package contains."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    parts, probe = "probekit_recall_more.parts:", "recall"
    return [
        Component("metric", "nearly", f"{parts}make_nearly", "at most one answer is wrong", probe=probe),
        Component("scale", "medium", f"{parts}make_medium", "half a minute on one core", probe=probe),
        Component("control", "last-value", f"{parts}LastValue", "the last value of the item", probe=probe),
    ]
