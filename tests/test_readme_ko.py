"""The Korean README says what the English one says: the same headings, code, tables, links and names."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGLISH, KOREAN = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
)
FENCED = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    return FENCED.sub("", text)


def headings(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), flags=re.MULTILINE)]


def test_headings_stand_in_the_same_order() -> None:
    assert headings(KOREAN) == headings(ENGLISH)


def test_code_is_the_same_word_for_word() -> None:
    assert FENCED.findall(KOREAN) == FENCED.findall(ENGLISH)


def test_links_and_pictures_are_the_same() -> None:
    links = [
        [target for target in re.findall(r"\]\(([^)]+)\)", prose(text)) if "README" not in target]
        for text in (ENGLISH, KOREAN)
    ]
    assert links[0] == links[1]


def test_each_links_to_the_other_below_its_title() -> None:
    assert ENGLISH.splitlines()[:3] == ["# hotloop", "", "[한국어](README.ko.md)"]
    assert KOREAN.splitlines()[:3] == ["# hotloop", "", "[English](README.md)"]


def test_every_name_and_command_is_there_as_often() -> None:
    english, korean = (
        Counter(re.findall(r"`([^`\n]+)`", prose(text))) for text in (ENGLISH, KOREAN)
    )
    assert korean == english


def cells(text: str) -> list[list[str]]:
    rows = re.findall(r"^\|(.*)\|$", prose(text), flags=re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_tables_hold_the_same_figures() -> None:
    english, korean = cells(ENGLISH), cells(KOREAN)
    assert len(english) == len(korean)
    for ours, theirs in zip(english, korean, strict=True):
        assert len(ours) == len(theirs)
        for cell, other in zip(ours, theirs, strict=True):
            assert sorted(re.findall(r"\d+(?:[.,]\d+)*", cell)) == sorted(
                re.findall(r"\d+(?:[.,]\d+)*", other)
            )


def test_paragraphs_are_as_many() -> None:
    english, korean = (
        [part for part in re.split(r"\n\s*\n", prose(text)) if part.strip()]
        for text in (ENGLISH, KOREAN)
    )
    assert len(korean) == len(english)


@pytest.mark.parametrize("part", re.split(r"\n\s*\n", prose(KOREAN)))
def test_every_paragraph_is_in_korean(part: str) -> None:
    words = re.sub(r"`[^`]*`|\]\([^)]*\)", "", part)
    # Titles and links that stand alone are names.
    if len(words.split()) > 5:
        assert re.search("[가-힣]", words), part
