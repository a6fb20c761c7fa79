"""What is guarded: a study file means what it says, or one sentence says why it cannot be meant."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from conftest import ROOT, Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from probekit.plans.study import Study, read_study
from probekit.plugin.errors import UsageError

FULL = """
probes = ["translation", "grouping(train=64)"]
structures = ["lambda", "average"]
scales = ["smoke"]
trainers = ["supervised(epochs=1)"]
seeds = [1, 4]
executor = "local(jobs=2)"
timeout = 60.0
"""


def written(folder: Path, text: str) -> Path:
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


def test_every_key_is_read(tmp_path: Path) -> None:
    found = read_study(written(tmp_path, FULL))
    assert found.probes == ("translation", "grouping(train=64)")
    assert list(found.seed_list) == [1, 4]
    assert (found.executor, found.timeout) == ("local(jobs=2)", 60.0)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "with a byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lines", "lines of Windows"])
def test_a_file_as_an_editor_leaves_it_is_read(mark: bytes, end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(mark + FULL.strip().encode().replace(b"\n", end))
    assert read_study(path) == read_study(written(tmp_path, FULL))


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    found = read_study(written(tmp_path, 'probes = ["translation"]\nstructures = ["lambda"]'))
    assert (found.scales, found.trainers, list(found.seed_list)) == (("quick",), ("supervised",), [0, 1, 2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('structurs = ["lambda"]', "Did you mean structures"),
        ("probes = []", "probes: "),
        ('probes = "translation"', "probes: "),
        ("probes = [1]", "probes: "),
        ("seeds = 0", "seeds: "),
        ("seeds = -3", "seeds: "),
        ("seeds = true", "seeds: "),
        ("seeds = [0, -1]", "seeds: "),
        ("seeds = []", "seeds: "),
        ("timeout = 0.0", "timeout: "),
        ("timeout = nan", "timeout: "),
        ("executor = 3", "executor: "),
        ("probes = [", "it is not TOML"),
        ("x" * 2_000_000, "larger than a megabyte"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(change: str, said: str, tmp_path: Path) -> None:
    key = change.partition(" =")[0]
    kept = [line for line in FULL.splitlines() if not line.startswith(f"{key} =")]
    with pytest.raises(UsageError, match="the study") as caught:
        read_study(written(tmp_path, "\n".join([*kept, change])))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError, match="the study"):
            read_study(path)


WORDS = some.sampled_from(
    ["translation", "grouping", "unet+lambda", "lambda(", "smoke", "", "../x", "./net.py:Net", "ü", "a" * 99]
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | WORDS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
KEYS = some.sampled_from([*Study.model_fields, "seed", "probe", "x"])


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=some.dictionaries(KEYS, VALUES, max_size=7), noise=some.text(max_size=12))
def test_a_thousand_files_are_read_or_refused_in_a_sentence(
    tmp_path: Path, fields: dict[str, object], noise: str
) -> None:
    text = "\n".join(f"{key} = {as_toml(value)}" for key, value in fields.items())
    for content in (text, text + noise):
        path = written(tmp_path, content)
        with contextlib.suppress(UsageError):  # and no other
            found = read_study(path)
            assert found.probes
            assert found.structures
            assert all(seed >= 0 for seed in found.seed_list[:9])


@pytest.mark.slow
def test_a_study_is_run_and_goes_on(probekit: Run, tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    words = ("run", "--study", str(path), "--store", str(tmp_path / "runs"))
    planned = probekit(*words, "--dry-run")
    assert "8 runs, 0 stored" in planned.stdout
    first = probekit(*words, "--json")
    assert first.returncode == 0, first.stderr
    assert {row["seed"] for row in json.loads(first.stdout)} == {1, 4}
    assert [row["status"] for row in json.loads(first.stdout)] == ["done"] * 8
    again = probekit(*words, "--dry-run")
    assert "8 runs, 8 stored." in again.stdout


def test_a_study_excludes_what_it_says_itself(probekit: Run, tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    for words in (("translation",), ("--scale", "quick")):
        done = probekit("run", *words, "--study", str(path))
        assert done.returncode == 2
        assert "exclude each other" in done.stderr


def test_the_study_of_the_documentation_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    found = read_study(written(tmp_path, text.partition("```toml\n")[2].partition("```")[0]))
    assert found.executor == "local(jobs=2)"
    for key in Study.model_fields:
        assert f"`{key}`" in text
