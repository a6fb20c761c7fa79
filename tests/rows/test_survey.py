"""What is guarded: the shipped survey says what its rows say, and a layer's verdicts fit a screen."""

from __future__ import annotations

import pytest
from small import call

import probekit
from probekit.catalog.registry import registry
from probekit.cli.brief import shorten_doc
from probekit.plugin.components import Component
from probekit.rows.growth import GROWTH, encode_growths, measure_growth, read_growths
from probekit.rows.layer_summary import summarize_cost
from probekit.rows.layers import (
    ROWS,
    TABLE,
    decode_survey,
    encode_survey,
    list_old_lines,
    make_survey,
    read_survey,
)
from probekit.rows.rows_file import read_all_rows
from probekit.rows.versions import find_probe, is_current

SURVEYED = sorted({line.layer for line in read_survey()} - {""})
SCREEN = 40
MEGABYTES = 2


def test_the_shipped_table_follows_from_the_shipped_rows() -> None:
    rows, left_out = read_all_rows(ROWS)
    assert left_out == []
    lines = make_survey(rows, registry(), former=read_survey())
    assert encode_survey(lines) == TABLE.read_text(encoding="utf-8")


def test_a_line_on_an_older_version_stays_until_it_is_replaced() -> None:
    line = next(line for line in read_survey() if line.probe == "grouping")
    old, gone = line._replace(version="0"), line._replace(version="0", probe="gone")
    assert list(list_old_lines([line, old, gone], [], registry())) == [old, gone]
    assert list(list_old_lines([line, old], [line], registry())) == []


def test_the_shipped_survey_is_small() -> None:
    assert ROWS.stat().st_size + TABLE.stat().st_size < MEGABYTES * 1e6


def test_a_survey_comes_back_from_its_table() -> None:
    lines = read_survey()
    assert list(decode_survey(encode_survey(lines))) == lines


@pytest.mark.parametrize("layer", SURVEYED)
def test_a_layer_fits_a_screen(layer: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = call(capsys, "show", layer)
    assert code == 0
    assert said.count("\n") <= SCREEN
    for line in read_survey():
        if line.structure in (layer, f"unet+{layer}") and line.layer == layer:
            assert line.verdict in said


def test_a_layer_typed_with_its_own_host_counts(capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = call(capsys, "show", "lambda")  # its runs are of unet+lambda
    assert "nonlocality, quick" in said


def test_a_verdict_on_older_data_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = call(capsys, "show", "gru")
    (grouping,) = (line for line in said.splitlines() if line.startswith("  grouping"))
    version = probekit.survey()[:].frame().query("layer == 'gru' and property == 'grouping'").version.item()
    assert ("old" in grouping) == (not is_current(version, find_probe("grouping", registry())))


def test_a_short_description_keeps_what_differs_between_layers() -> None:
    doc = "A.\n\nArgs:\n    channels: number of channels.\n    heads: many.\n\nShape:\n    same.\n\nB."
    assert shorten_doc(doc) == "A.\n\nArgs:\n    heads: many.\n\nB."
    assert shorten_doc("A.\n\nArgs:\n    channels: number of channels.") == "A."


def test_a_layer_s_cost_is_its_growth_and_a_range() -> None:
    lines = [line for line in read_survey() if line.layer == "gru"]
    counts = sorted(line.parameters for line in lines)
    text = summarize_cost(layer("gru", "a state, linear in positions (Cho et al. 2014)"), lines)
    assert text.startswith("linear in positions (FLOPs as N^1, memory as N^0.99, from 1,024 to 4,096 ")
    assert f"{counts[0]:,} to {counts[-1]:,} parameters" in text
    one = summarize_cost(layer("mine", "a state, N log N in positions"), lines[:1])
    assert f"N log N; in the survey's networks {lines[0].parameters:,} parameters, " in one
    assert summarize_cost(layer("mine", "a state"), []) == "not stated"


def layer(name: str, about: str) -> Component:
    """Return a layer that is only described."""
    return Component("layer", name, "nowhere:Layer", about)


def test_each_built_in_layer_has_its_exponents() -> None:
    names = {component.name for component in registry().components("layer")}
    assert set(read_growths()) == names
    assert encode_growths(read_growths()) == GROWTH.read_text(encoding="utf-8")
    for line in read_survey():
        if line.layer:
            assert (line.flops_exponent, line.memory_exponent) == read_growths()[line.layer]


@pytest.mark.parametrize("name", ["average", "axial", "deltanet", "fnet", "gru", "s4d", "transformer"])
def test_shipped_exponents_are_counted_again(name: str) -> None:
    assert measure_growth(name, registry()) == pytest.approx(read_growths()[name], abs=0.011)
