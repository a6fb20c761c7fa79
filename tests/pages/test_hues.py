"""What is guarded: structures are told apart by colour, however many there are."""

from __future__ import annotations

import re
from pathlib import Path

from stores import THIRTEEN, card_of, ranked

from probekit.catalog.registry import registry
from probekit.pages.colours import column_colours
from probekit.pages.cost import draw_costs
from probekit.pages.page import render_page
from probekit.scores.pictures import COLOURS


def test_of_few_structures_each_has_the_colour_of_its_place_in_the_card(tmp_path: Path) -> None:
    card = card_of(ranked(tmp_path, THIRTEEN[:10]))
    (column,) = card.columns
    told = column_colours(list(card.structures), column.cells[::2])
    assert [told.colour_of(name) for name in card.structures][::2] == list(COLOURS[::2])
    assert [name for _, name in told.legend] == [cell.structure for cell in column.cells[::2]]
    assert told.grey == 0


def test_of_many_structures_the_best_have_a_colour_each_and_the_rest_one(tmp_path: Path) -> None:
    card = card_of(ranked(tmp_path, THIRTEEN))
    (column,) = card.columns
    told = column_colours(list(card.structures), column.cells)
    best = [f"unet+{name}" for name in reversed(THIRTEEN)]
    assert [told.colour_of(name) for name in best] == [*COLOURS[:-1], *[COLOURS[-1]] * 4]
    assert list(told.legend)[-1] == (COLOURS[-1], "4 others")


def test_costs_have_the_colours_of_their_column_and_repeat_none(tmp_path: Path) -> None:
    few, many = ranked(tmp_path / "few", THIRTEEN[:10]), ranked(tmp_path / "many", THIRTEEN)
    swatches = [
        re.findall(
            r'<li>(?:<svg.*?fill="(#\w+)".*?</svg>)?\d+ ', render_page(card_of(store), store, registry())
        )
        for store in (few, many)
    ]
    assert swatches == [list(COLOURS), [""] * len(THIRTEEN)]
    (column,) = card_of(many).columns
    names = [cell.structure for cell in column.cells]
    told = column_colours(names, column.cells)
    numbers = {name: number for number, name in enumerate(names, 1)}
    (parameters, *_) = draw_costs(column, numbers, told, "costs")
    assert {hue: parameters.count(f"fill: {hue}") for hue in COLOURS[:-1]} == dict.fromkeys(COLOURS[:-1], 1)
    assert parameters.count(f"fill: {COLOURS[-1]}") == 4
