"""The registry opens all plugins, sets broken ones aside and finds components by name."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import pluggy

from probekit.catalog.files import PYTHON_PLUGIN, is_file_term, load_file_component
from probekit.catalog.plugin_code import explain_name_clash, guard_plugin_code
from probekit.catalog.plugins import (
    PluginRecord,
    call_hook_of,
    check_unique,
    find_entry_points,
    make_manager,
    make_records,
    open_plugin,
)
from probekit.plugin.components import KINDS, Component, Kind
from probekit.plugin.errors import ProbekitError, UsageError, describe_error, did_you_mean, suggest_install

SLOW = 1.0
"""Seconds of opening from which a plugin counts as slow."""


class Registry:
    """Components by kind and name, and the observers of runs; `Registry.load` builds it.

    Attributes:
        plugins: a record of each entry point.
        complaints: lines for the user about plugins.
        judge: returns the verdict on a result in its folder, for observers; commands and workers set it.
    """

    judge: Callable[[Any, Any], str | None] | None = None

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Iterable[PluginRecord],
        components: Iterable[Component],
        complaints: list[str],
        silenced: set[str],
    ) -> None:
        self.plugins = tuple(plugins)
        self.complaints = complaints
        self._components = tuple(sorted(components, key=lambda c: (KINDS.index(c.kind), c.name, c.plugin)))
        self._manager = manager
        self._silenced = silenced

    @classmethod
    def load(cls, skip: Collection[str] | None = None) -> Registry:
        """Open every entry point of the group "probekit".

        Args:
            skip: names of plugins to leave out; None for those in $PROBEKIT_SKIP.
        """
        if skip is None:
            skip = {name.strip() for name in os.environ.get("PROBEKIT_SKIP", "").split(",")} - {""}
        manager = make_manager()
        complaints: list[str] = []
        components: list[Component] = []
        entries = list(find_entry_points(complaints))
        plugins, unknown = make_records(entries, skip)
        for index, entry in enumerate(entries):
            plugins[index], plugin_components = open_plugin(manager, entry, plugins[index])
            components += plugin_components
        names = [record.name for record in plugins]
        complaints += [
            f"PROBEKIT_SKIP names {name!r}, which is not a plugin. {did_you_mean(name, names)}"
            for name in unknown
        ]
        complaints += [
            f"plugin {record.name} took {record.seconds:.1f} s to open; it should import libraries such as "
            f"torch only in the modules of its components. PROBEKIT_SKIP={record.name} leaves it out."
            for record in plugins
            if record.seconds > SLOW
        ]
        return cls(manager, plugins, components, complaints, set())

    @property
    def set_aside(self) -> tuple[PluginRecord, ...]:
        """The plugins that could not be opened."""
        return tuple(record for record in self.plugins if record.error is not None)

    def components(self, kind: Kind | None = None) -> list[Component]:
        """Return all components, or those of one kind, sorted by kind, name and plugin."""
        return [component for component in self._components if kind in (None, component.kind)]

    def kinds_of(self, name: str) -> set[Kind]:
        """Return the kinds that are registered under a short or long name; a file term is a structure."""
        if is_file_term(name):
            return {"structure"}
        return {c.kind for c in self._components if name in (c.name, c.long_name)}

    def find_component(self, kind: Kind, name: str) -> Component:
        """Return the component of a kind by its short or long name; a file term runs its file.

        Raises:
            UsageError: the name is unknown, or two plugins register it.
        """
        if is_file_term(name):
            return load_file_component(kind, name)
        matches = [c for c in self.components(kind) if name in (c.name, c.long_name)]
        if len(matches) == 1:
            return matches[0]
        request = f"{kind} {name!r}"
        if matches:
            raise UsageError(
                request,
                f"{len(matches)} plugins register that name",
                f"Type {' or '.join(component.long_name for component in matches)}.",
            )
        actual_kinds = " and a ".join(sorted(self.kinds_of(name)))
        valid_kinds: tuple[Kind, ...] = (kind, "layer") if kind == "structure" else (kind,)  # it is hosted
        names = [
            c.long_name if "/" in name else c.name
            for valid_kind in valid_kinds
            for c in self.components(valid_kind)
        ]
        raise UsageError(
            request,
            f"there is no such {kind}"
            + (f", but that is the name of a {actual_kinds}" if actual_kinds else ""),
            " ".join([did_you_mean(name, names), *self._list_absent_plugins(name)]),
        )

    def _list_absent_plugins(self, name: str) -> list[str]:
        """Return a line for each plugin that is not open, as it may have the name."""
        plugin = name.rpartition("/")[0]
        candidates = [record for record in self.plugins if plugin in ("", record.name)]
        return [
            f"Plugin {record.name} was " + (f"set aside ({record.error})." if record.error else "skipped.")
            for record in candidates
            if record.error or record.skipped
        ]

    def find_plugin(self, component: Component) -> PluginRecord | None:
        """Return the record of a component's plugin, None if it comes from Python code or a file."""
        return next((r for r in self.plugins if r.name == component.plugin and not r.error), None)

    def load_target(self, component: Component) -> Any:
        """Import and return the class or function at a component's address.

        Raises:
            ProbekitError: the import fails, for any reason.
        """
        if not isinstance(component.target, str):
            return component.target
        module, _, attribute = component.target.partition(":")
        try:
            with guard_plugin_code():
                return getattr(importlib.import_module(module), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            absent = error.name if isinstance(error, ModuleNotFoundError) else None
            is_own_module = absent and f"{module}.".startswith(f"{absent}.")
            clash = explain_name_clash(module)
            raise ProbekitError(
                f"{component.kind} {component.name!r} of plugin {component.plugin}",
                f"its address {component.target} cannot be imported ({describe_error(error)})",
                ("" if is_own_module else suggest_install(error))
                or (f"Give the module another name: {clash}." if clash else "")
                or f"Fix the plugin, or leave it out with PROBEKIT_SKIP={component.plugin}.",
            ) from error

    def with_components(self, *components: Component) -> Registry:
        """Return a registry with additional components, as those of the plugin "python".

        Raises:
            UsageError: two different components would have the same kind and name.
        """
        added = [c for c in self._components if c.plugin == PYTHON_PLUGIN]
        added += [new for c in components if (new := replace(c, plugin=PYTHON_PLUGIN)) not in added]
        installed = [c for c in self._components if c.plugin != PYTHON_PLUGIN]
        extended = Registry(
            self._manager, self.plugins, check_unique(added) + installed, self.complaints, self._silenced
        )
        extended.judge = self.judge
        return extended

    def attach_observer(self, name: str, observer: object) -> None:
        """Let an object observe the runs of this process; a name that is attached already stays.

        Raises:
            ProbekitError: it implements none of the hooks for runs, or one of them wrongly.
        """
        if self._manager.has_plugin(name):
            return
        hint = "Mark probekit_run_finished(self, result, path) or another hook with @hookimpl."
        try:
            self._manager.register(observer, name=name)
            self._manager.check_pending()
            if not self._manager.get_hookcallers(observer):
                raise ProbekitError(f"observer {name}", "it implements none of the hooks for runs", hint)
        except (pluggy.PluginValidationError, ValueError) as error:
            self.detach_observer(name)
            raise ProbekitError(f"observer {name}", describe_error(error), hint) from error
        except ProbekitError:
            self.detach_observer(name)
            raise

    def detach_observer(self, name: str) -> None:
        """Let an attached object observe no more; its name may be attached again."""
        self._silenced.discard(name)
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def is_observed(self, hook: str) -> bool:
        """Return whether anything implements a hook for runs."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def notify_observers(self, hook: str, **kwargs: Any) -> None:
        """Call a hook of every observer; one that raises is silenced and named in `complaints`."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            if name in self._silenced:
                continue
            try:
                with guard_plugin_code():
                    call_hook_of(self._manager, hook, implementation.plugin, kwargs)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._silenced.add(name)
                is_plugin = any(record.name == name for record in self.plugins)
                self.complaints.append(
                    f"{'plugin' if is_plugin else 'observer'} {name} no longer observes runs, because its "
                    f"{hook} raised {describe_error(error)}."
                    + (f" PROBEKIT_SKIP={name} leaves it out." if is_plugin else "")
                )


@functools.cache
def registry() -> Registry:
    """Return the registry of this process; it is loaded once."""
    return Registry.load()
