"""Training without a schedule of the learning rate (Defazio et al. 2024, "The Road Less Scheduled")."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    target = "probekit_schedule_free.optimiser:ScheduleFree"
    return [Component("optimiser", "schedule-free", target, "AdamW at a constant rate, with an average")]
