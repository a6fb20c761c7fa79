"""What is guarded: small mistakes get a sentence, and what others wrote moves no cursor."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from conftest import ROOT, Run, install, plugin_text
from small import PROBE, call, done

import probekit
from probekit.catalog.grammar import Term, parse_expression
from probekit.plain import make_plain, make_plain_lines
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError, describe_error

ESC = "\x1b[31mred\x1b[0m\x07"
Capture = pytest.CaptureFixture[str]

NET = """
from torch import nn


def net(shape):
    return nn.Conv2d(shape.inputs, shape.outputs, 1)
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("again", "nosuch"), 2, "there is no such file or folder"),
        (("again", "."), 2, "this folder contains no spec.json"),
        (("card", "lamda"), 2, "Did you mean lambda"),
        (("card", "unet", "--probe", "nonlocalty"), 2, "Did you mean nonlocality"),
        (("run", "nonlocality", "-s", "unet", "--seeds", "1000000", "--dry-run"), 2, "1,000,000 runs"),
    ],
)
def test_a_small_mistake_gets_a_sentence(
    words: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = call(capsys, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "-s"), "run: option '-s' requires an argument. Type probekit run -h."),
        (("run", "nonlocality", "--width", "many"), "run: invalid value for '--width'"),
        (("runs", "--forget"), "runs: no such option: --forget"),
        (("compare", "unet"), "compare: missing "),
        (("--frob", "list"), "no such option: --frob"),
    ],
)
def test_words_that_cannot_be_meant_get_one_paragraph_as_all_errors_do(
    words: tuple[str, ...], said: str, capsys: Capture
) -> None:
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"probekit: {said}")
    assert " ".join(err.split()).endswith(" -h.")
    assert "Usage:" not in err


@pytest.mark.parametrize("option", ["epochs", "batch", "weight-decay"])
def test_an_option_of_the_trainer_is_told_as_that(option: str, capsys: Capture) -> None:
    code, _, err = call(capsys, "run", "parity", f"--{option}", "3")
    said = f'--{option} belongs to the trainer: --trainer "supervised({option.replace("-", "_")}=...)".'
    assert (code, said in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize("other", ["unet", "structures/unet", "unet(downs=none)"])
def test_a_structure_is_not_compared_with_itself(other: str, tmp_path: Path, capsys: Capture) -> None:
    done(tmp_path, structure="unet")
    words = ("--probe", PROBE, "--scale", "smoke", "--store", str(tmp_path))
    code, _, err = call(capsys, "compare", "unet", other, *words)
    assert code == 2
    assert "one structure" in err


def test_the_example_of_one_run_prints_every_metric_at_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / "one_run.py"))
    assert "ord_extended" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["my nets", "a+b", "net (old)", "a,b", "it's", 'a"b', "ünicode"])
def test_a_file_s_name_with_any_sign_can_be_quoted(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "net.py").write_text(NET)
    term = str(Term(f"./{folder}/net.py:net"))
    assert [str(one) for one in parse_expression(f"{term}+lambda")] == [term, "lambda"]
    words = {"scale": "smoke", "trainer": "supervised(batch=16,epochs=1)", "device": "cpu"}
    result = probekit.run(PROBE, term, store="runs", **words)
    assert result.plan.parameters == 4
    assert probekit.run(PROBE, term, store="runs", **words) == result


def test_a_file_below_the_home_is_named_by_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "net.py").write_text(NET)
    words = {"scale": "smoke", "trainer": "supervised(batch=16,epochs=1)", "device": "cpu"}
    assert probekit.run(PROBE, "~/net.py:net", store=tmp_path / "runs", **words).plan.parameters == 4


@pytest.mark.parametrize(
    "text", ["'unet'", '"lambda"', "'./net.py'", "'./a\x1b/net.py:Net'", "'./a\n/net.py:Net'"]
)
def test_what_is_quoted_and_no_file_s_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a name was expected"):
        parse_expression(text)


@pytest.mark.slow
def test_escapes_of_a_plugin_s_words_reach_no_terminal(probekit: Run, tmp_path: Path) -> None:
    about = ESC.encode("unicode_escape").decode()
    module = (
        f"class Odd:\n    '''It {about} is odd.'''\n    def __init__(self): raise ValueError('{about}')\n"
    )
    files = {
        "odd_plugin.py": plugin_text(f"'layer', 'odd', 'odd_module:Odd', '{about}'"),
        "odd_module.py": module,
    }
    files["bad_plugin.py"] = f"raise RuntimeError('{about}')"
    install(tmp_path, "probekit-odd", {"odd": "odd_plugin", "bad": "bad_plugin"}, files)
    for words in (
        ("list",),
        ("show", "layer", "odd"),
        ("plugins", "--trace"),
        ("check", "layer", "odd"),
        ("run", "nonlocality", "-s", "unet+odd", "--scale", "smoke", "--dry-run"),
    ):
        run = probekit(*words, path=tmp_path)
        assert "\x1b" not in run.stdout + run.stderr, words
        assert "\x07" not in run.stdout + run.stderr, words
        assert "red" in run.stdout + run.stderr, words


def test_plain_text_keeps_letters_and_loses_what_moves_a_cursor() -> None:
    assert make_plain(f"a\n b\tü{ESC}") == "a b ü\ufffd[31mred\ufffd[0m\ufffd"
    assert make_plain_lines("a\n\tb\r\x9b\ud800") == "a\n\tb\ufffd\ufffd\ufffd"
    assert Component("layer", "x", "m:a", ESC).about == make_plain(ESC)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Mute(), "Mute: its message cannot be read"),
        (ValueError("x" * 5000), f"ValueError: {'x' * 2000}…"),
        (ValueError("a\ud800b"), "ValueError: a\ufffdb"),
        (KeyError(), "KeyError"),
    ],
    ids=["raises", "long", "surrogate", "empty"],
)
def test_whatever_an_exception_says_is_one_line(error: Exception, said: str) -> None:
    assert describe_error(error) == said
