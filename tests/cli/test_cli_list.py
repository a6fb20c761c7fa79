"""What is guarded: list, show and plugins print what is registered, and every end has its exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, environment, install, plugin_text
from small import call

from probekit.catalog.registry import registry
from probekit.cli import COMMANDS
from probekit.cli.commands.show import show_component

PROBE = '''
import signal
from typing import Literal
from probekit.plugin.interfaces import Metric, Probe, Scale

class Tiny(Probe):
    """A probe to look at."""
    property = "smallness"
    version = 3
    structure = "plain(depth=3)"
    metrics = (
        Metric("loss", "lower", 0.0, None, "how far off"),
        Metric("hits", "higher", 1.0, None, "", chance=0.5),
    )
    scales = {"smoke": Scale("seconds", {"size": 4}, {"rate": 0.01}, budget=1000, noise={"loss": 0.25})}

    def __init__(self, *, size: int = 8, reading: Literal["down-set", "chain"] = "down-set") -> None: ...

    def controls(self):
        class Constant:
            def fit(self, dataset): ...
        return {"constant": Constant(), "pointwise": lambda shape, *, width: None}

    data = loss = oracle = None

class Odd(Tiny):
    scales = 3

class Stopped(Tiny):
    def __init__(self) -> None:
        signal.raise_signal(signal.SIGINT)

class Unmakeable(Tiny):
    def __init__(self) -> None:
        raise ValueError("two\\nlines")

def lambda_(channels, size, *, heads: int = 2):
    """A layer to look at."""
'''


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    probes = [
        f"'probe', '{n.lower()}', 'tiny_probe:{n}', 'about'" for n in ("Tiny", "Odd", "Stopped", "Unmakeable")
    ]
    layers = [
        "'layer', 'lambda', 'tiny_probe:lambda_', 'my lambda [red]'",
        "'layer', 'tiny', 'tiny_probe:lambda_', ''",
    ]
    files = {"tiny_probe.py": PROBE, "tiny_plugin.py": plugin_text(*probes, *layers)}
    return install(folder, "probekit-tiny", {"tiny": "tiny_plugin"}, files)


def on_terminal(*words: str, path: Path | None = None, **env: str) -> str:
    """Return what a command prints where stdout and stderr are a terminal."""
    master, slave = pty.openpty()
    given = environment(path, {"TERM": "xterm-256color", "COLUMNS": "120", **env})
    process = subprocess.Popen(
        [sys.executable, "-m", "probekit", *words], stdout=slave, stderr=slave, env=given
    )
    os.close(slave)
    read = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # how Linux says that the other end closed
            break
        if not block:
            break
        read += block
    process.wait(timeout=60)
    os.close(master)
    return read.decode()


def complaints(stderr: str) -> list[str]:
    """Return the lines of stderr without those of plugins that failed to load."""
    return [line for line in stderr.splitlines() if "failed to load" not in line]


def test_list_names_every_component_under_its_kind(probekit: Run) -> None:
    done = probekit("list")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    components = registry().components()
    assert components
    for component in components:
        section = done.stdout.split(f"{component.kind}s\n")[1].split("\n\n")[0]
        assert f"  {component.name} " in section
        assert component.about in section


def test_list_of_a_kind_and_its_json_are_the_same_components(probekit: Run, tiny: Path) -> None:
    shown = json.loads(probekit("list", "layer", "--json", path=tiny).stdout)
    assert {component["kind"] for component in shown} == {"layer"}
    names = [component["name"] for component in shown]
    assert {"layers/lambda", "tiny/lambda", "tiny"} <= set(names)
    assert "lambda" not in names
    text = probekit("list", "layer", path=tiny).stdout
    assert all(f"  {name} " in text for name in names)


def test_list_on_a_terminal_is_a_table_that_prints_plugins_text_as_it_is(tiny: Path) -> None:
    printed = on_terminal("list", "layer", path=tiny)
    assert "my lambda [red]" in printed
    assert "─" in printed


def test_list_of_no_such_kind_offers_the_nearest(probekit: Run) -> None:
    done = probekit("list", "layers")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Did you mean layer?" in done.stderr


def test_show_says_all_about_a_probe(probekit: Run, tiny: Path) -> None:
    shown = json.loads(probekit("show", "probe", "tiny", "--json", path=tiny).stdout)
    assert shown["distribution"] == "probekit-tiny 1.2"
    assert shown["address"] == "tiny_probe:Tiny"
    assert (shown["property"], shown["version"], shown["doc"]) == ("smallness", "3", "A probe to look at.")
    assert shown["parameters"][1] == {
        "name": "reading",
        "type": "Literal['down-set', 'chain']",
        "default": "down-set",
        "range": "",
    }
    assert shown["scales"][0]["budget"] == 1000
    scale = shown["scales"][0]["scale"]
    assert shown["noise"] == [{"metric": "loss", scale: 0.25}]
    assert shown["metrics"][1]["chance"] == 0.5
    assert [control["kind"] for control in shown["controls"]] == ["closed form", "network"]
    text = probekit("show", "probe", "tiny", path=tiny).stdout
    for said in ("smallness", "A probe to look at.", "down-set", "rate=0.01", "0.25", "pointwise"):
        assert said in text


def test_show_lists_what_is_in_a_structure(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "show", "plain+lambda+pe,parallel(gru,s4d)")
    assert code == 0
    lines = [line.split() for line in out.splitlines() if line.startswith("  ")]
    shown = ["structure plain", "combinator stripe plain", "layer lambda stripe", "encoding pe lambda"]
    shown += ["combinator parallel stripe", "layer gru parallel", "layer s4d parallel"]
    assert [" ".join(line[: len(text.split())]) for line, text in zip(lines[1:], shown, strict=True)] == shown
    found = json.loads(call(capsys, "show", "gru,transformer", "--json")[1])
    assert [part["name"] for part in found["parts"]] == ["stripe", "gru", "transformer"]
    code, _, err = call(capsys, "show", "plain+gru+s4d")
    assert (code, "type plain+gru,s4d" in err) == (2, True)


def test_show_of_a_name_of_two_kinds_asks_for_the_kind(probekit: Run, tiny: Path) -> None:
    done = probekit("show", "tiny", path=tiny)
    assert done.returncode == 2
    assert "`probekit show layer tiny` or `probekit show probe tiny`" in done.stderr
    assert "A layer to look at." in probekit("show", "layer", "tiny", path=tiny).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lamda"], "Did you mean lambda or"),
        (["layer", "lambda"], "Type layers/lambda or tiny/lambda"),
        (["plane", "tiny"], "there is no such kind"),
        (["a", "b", "c"], "show takes a kind and a name"),
    ],
)
def test_show_of_what_cannot_be_meant_says_what_to_type(
    words: list[str], said: str, probekit: Run, tiny: Path
) -> None:
    done = probekit("show", *words, path=tiny)
    assert done.returncode == 2
    assert said in done.stderr


def test_every_built_in_component_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for component in registry().components():
        show_component([component.kind, component.long_name])
        assert component.about in capsys.readouterr().out


def test_an_error_is_one_paragraph_and_its_own_exit_code(probekit: Run, tiny: Path) -> None:
    done = probekit("show", "unmakeable", path=tiny)
    assert done.returncode == 1
    (line,) = complaints(done.stderr)
    assert line.startswith("probekit: probe 'unmakeable': it cannot be made")
    assert "ValueError: two lines" in line


def test_an_unforeseen_error_names_itself_and_debug_shows_the_traceback(probekit: Run, tiny: Path) -> None:
    done = probekit("show", "odd", path=tiny)
    assert done.returncode == 1
    (line,) = complaints(done.stderr)
    assert "AttributeError" in line
    assert "--debug" in line
    for shown in (
        probekit("--debug", "show", "odd", path=tiny),
        probekit("show", "odd", path=tiny, PROBEKIT_DEBUG="1"),
    ):
        assert shown.returncode == 1
        assert "Traceback" in shown.stderr
        assert "AttributeError" in shown.stderr


def test_ctrl_c_ends_with_130_and_no_traceback(probekit: Run, tiny: Path) -> None:
    done = probekit("show", "stopped", path=tiny)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("call", ["typer.echo", "print"])
def test_a_reader_that_leaves_is_no_error(call: str, tmp_path: Path) -> None:
    (tmp_path / "speaker.py").write_text(f"import typer\ndef speak():\n    {call}('a line')\n")
    reading, writing = os.pipe()
    os.close(reading)
    program = "from probekit import cli; cli.COMMANDS['speak'] = ('speaker:speak', ''); cli.main()"
    words, env = [sys.executable, "-c", program, "speak"], environment(tmp_path, {"PYTHONUNBUFFERED": ""})
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writing)
    assert complaints(done.stderr) == []
    assert done.returncode == 1


def test_errors_are_red_on_a_terminal_and_plain_in_a_pipe(probekit: Run) -> None:
    assert "\x1b[31mprobekit: " in on_terminal("list", "nothing")
    assert "\x1b" not in probekit("list", "nothing").stderr


def test_a_misspelt_command_offers_the_nearest_and_a_wrong_option_is_a_usage_error(probekit: Run) -> None:
    done = probekit("lits")
    assert (done.returncode, "Did you mean list?" in done.stderr) == (2, True)
    done = probekit("list", "--jsn")
    assert (done.returncode, "--jsn" in done.stderr) == (2, True)


def test_help_lists_every_command_with_a_line(probekit: Run) -> None:
    done = probekit("--help")
    assert done.returncode == 0
    lines = {
        line.split()[0]: line for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()
    }
    for name, (_, about) in COMMANDS.items():
        assert about.split()[0] in lines[name]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_ends_with_an_example(command: str, probekit: Run) -> None:
    done = probekit(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: probekit {command}" in done.stdout.strip().split("\n\n")[-1]


def test_version_is_the_distribution_s(probekit: Run) -> None:
    import importlib.metadata

    assert probekit("--version").stdout == f"probekit {importlib.metadata.version('probekit-nn')}\n"
