"""Reuters: 11,228 newswires as lists of words' ranks, in 46 topics.

Source: D. D. Lewis, Reuters-21578; encoded by Keras.
"""

from __future__ import annotations

from typing import Any

from hotloop.datasets import _fetch, _tables, _words

__all__ = ["get_label_names", "get_word_index", "load_data"]

SOURCE = _fetch.Published(
    "reuters",
    "reuters.npz",
    (_words.STORE,),
    sha256="d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
WORDS = _fetch.Published(
    "reuters", "reuters_word_index.json", (_words.STORE,), md5="4d44cc38712099c9e383dc6e5f11a921"
)


def load_data(
    path: Any = "reuters.npz",  # noqa: ARG001 - Keras's name for the file in its cache
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[_words.Texts, _words.Texts]:
    """Load the newswires; arguments, sources and errors are those of `imdb.load_data`.

    Parameters
    ----------
    path, num_words, skip_top, maxlen, seed, start_char, oov_char, index_from
        As for `imdb.load_data`.
    test_split : float
        Share of the newswires, the last ones in the new order, that are the test set.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Arrays of lists of int, and a topic from 0 to 45 for each.

    Notes
    -----
    Source: keras.datasets.reuters.

    Examples
    --------
    >>> from hotloop.datasets import reuters
    >>> (x_train, y_train), test = reuters.load_data(num_words=10_000)  # doctest: +SKIP
    """
    _tables.check_split("reuters", test_split)
    x, y = _words.members(SOURCE, ("x", "y"))
    ((rows, labels),) = _words.encoded(
        "reuters",
        _words.shuffled([(x, y)], seed),
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    end = int(len(rows) * (1 - test_split))
    return (rows[:end], labels[:end]), (rows[end:], labels[end:])


def get_word_index(path: Any = "reuters_word_index.json") -> dict[str, int]:  # noqa: ARG001
    """Return the rank of each word; in `load_data`, `index_from` is added to it.

    Examples
    --------
    >>> from hotloop.datasets import reuters
    >>> reuters.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return _words.word_index(WORDS)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the topics, in the order of their numbers.

    Examples
    --------
    >>> from hotloop.datasets import reuters
    >>> reuters.get_label_names()[:4]
    ('cocoa', 'grain', 'veg-oil', 'earn')
    """
    return tuple(_LABELS.split())


_LABELS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass
crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi
iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""
