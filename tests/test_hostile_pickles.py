"""Pickles by strangers: what is deep, or holds one thing many times over, costs little and is told in few words."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hotloop._support.quoting import quoted, shortened
from hotloop.book import load_params

START, STOP = b"\x80\x04", b"."
DEEP = b")" + b"\x85" * 200_000  # ((((...),),),)
LESS_DEEP = b")" + b"\x85" * 20_000
DOUBLED = b")" + b"2\x86" * 60  # (x, x) of (x, x) of ...
WIDE = b"(" + b")" * 40_000 + b"t" + (b"\x94(" + b"h\x00" * 2000 + b"t")
ORDERED = b"ccollections\nOrderedDict\n"
ENCODE = b"c_codecs\nencode\n"
TYPE = b"cnumpy\ndtype\n"

KEYS = {
    "deep": DEEP,
    "doubled": DOUBLED,
    "wide": WIDE,
    "deep in a pair": b"K\x01" + LESS_DEEP + b"\x86",
}
HASHED = {
    "setitem": (b"}", b"Ns"),
    "setitems": (b"}(", b"Nu"),
    "dict": (b"(", b"N\x64"),
    "additems": (b"\x8f(", b"\x90"),
    "frozenset": (b"(", b"\x91"),
    "ordered": (ORDERED + b")R", b"Ns"),
    "ordered of pairs": (ORDERED + b"(((", b"Ntlt" + b"R"),
}
QUOTED = {
    "persistent id": b"%sQ",
    "dtype name": TYPE + b"%s\x85R",
    "byte order": TYPE + b"\x8c\x02f8\x85R(K\x03%stb",
    "encoding": ENCODE + b"\x8c\x01a%s\x86R",
    "a call that is changed": ENCODE + b"(" + ENCODE + b"%sN}tb",
    "a call that is kept": b"}\x8c\x01k" + ENCODE + b"s",
    "array bytes": b"cnumpy._core.multiarray\n_reconstruct\n)R(K\x01%sNNNtb",
}


def refused(path: Path, data: bytes) -> str:
    """Return in which words a file is refused, without its name."""
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is not a weight file") as caught:
        load_params(path)
    said = str(caught.value).replace(str(path), "")
    assert len(said) <= 400
    return said


@pytest.mark.parametrize("way", HASHED)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_looked_at_before_it_is_hashed(tmp_path: Path, way: str, key: str) -> None:
    before, after = HASHED[way]
    said = refused(tmp_path / "p.pkl", START + before + KEYS[key] + after + STOP)
    assert "a key of more than 1000 parts" in said or "OrderedDict" in said


def test_frozen_sets_in_frozen_sets_are_keys_too(tmp_path: Path) -> None:
    nest = b"(" * 3000 + b"\x91" * 3000
    said = refused(tmp_path / "p.pkl", START + b"}" + nest + b"Ns" + STOP)
    assert "a key of more than 1000 parts" in said


@pytest.mark.parametrize("what", QUOTED)
@pytest.mark.parametrize("value", [DOUBLED, LESS_DEEP, b"X\x00\x00\x10\x00" + b"x" * 2**20])
def test_a_message_quotes_little(tmp_path: Path, what: str, value: bytes) -> None:
    refused(tmp_path / "p.pkl", START + QUOTED[what].replace(b"%s", value) + STOP)


@pytest.mark.parametrize("value", [DEEP, b"]" * 200_000 + b"a" * 199_999])
def test_depth_is_bounded(tmp_path: Path, value: bytes) -> None:
    said = refused(tmp_path / "p.pkl", START + b"}\x8c\x01k" + value + b"s" + STOP)
    assert "nested more than 100 deep" in said


def test_calls_inside_of_calls_are_refused(tmp_path: Path) -> None:
    each = ENCODE + b"("
    data = START + each * 3000 + b"N" + b"tb" * 3000 + STOP
    assert "it changes what it is read with" in refused(tmp_path / "p.pkl", data)


def test_numbers_of_a_dictionary_of_extensions_are_refused(tmp_path: Path) -> None:
    assert "the object of number 7" in refused(tmp_path / "p.pkl", START + b"\x82\x07" + STOP)


def test_lists_are_not_unfolded_into_a_network(tmp_path: Path) -> None:
    path = tmp_path / "p.pkl"
    doubled = b"(K\x01K\x02l" + b"2\x86" * 26
    path.write_bytes(START + b"}\x8c\x01b" + doubled + b"s" + STOP)
    network = type("Network", (), {"params": {"b": np.zeros(3)}})()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"unfolds to 134217728 numbers"):
            load_params(path, network)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_short_key_of_several_parts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.pkl"
    path.write_bytes(START + b"}K\x01K\x02\x86K\x03s" + STOP)
    found: dict[Any, Any] = load_params(path)
    assert found == {(1, 2): 3}


# --- the words that quote a value


def test_quoted_is_repr_where_that_is_short() -> None:
    for value in (
        1,
        -2.5,
        "a'b",
        b"x",
        None,
        True,
        (),
        (1,),
        [1, [2]],
        {1: "a"},
        {3},
        set(),
        frozenset({1}),
    ):
        assert quoted(value) == repr(value)


def test_quoted_is_short_whatever_comes() -> None:
    nest: object = ()
    for _ in range(100_000):
        nest = (nest, nest)
    cycle: list[object] = []
    cycle.append(cycle)

    class Bad:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    for value in (
        nest,
        cycle,
        "x" * 10**6,
        b"x" * 10**6,
        10**10**5,
        list(range(10**5)),
        Bad(),
        {"k" * 999: nest},
    ):
        assert len(quoted(value)) <= 200
        assert len(quoted(value, 40)) <= 40
    assert quoted(Bad()) == "<Bad>"
    assert shortened("abc", 3) == "abc"
