"""IMDB: 50,000 reviews of films as lists of words' ranks, and whether each is for or against.

Source: A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011; encoded by Keras.
"""

from __future__ import annotations

from typing import Any

from hotloop._support.quoting import quoted
from hotloop.datasets import _fetch, _words

__all__ = ["get_word_index", "load_data"]

SOURCE = _fetch.Published(
    "imdb",
    "imdb.npz",
    (_words.STORE,),
    sha256="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)
WORDS = _fetch.Published(
    "imdb", "imdb_word_index.json", (_words.STORE,), md5="bfafd718b763782e994055a2d397834f"
)


def load_data(
    path: Any = "imdb.npz",  # noqa: ARG001 - Keras's name for the file in its cache
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> tuple[_words.Texts, _words.Texts]:
    """Load the reviews from ``HOTLOOP_DATA_DIR``, the cache or the network, as `mnist.load_data` does.

    Parameters
    ----------
    path : str
        Accepted as Keras does; the file is ``imdb/imdb.npz`` under the data folder or the cache.
    num_words : int, optional
        Words of this rank and beyond become `oov_char`. By default, as in Keras, only the last.
    skip_top : int
        Words of a smaller rank become `oov_char`.
    maxlen : int, optional
        Reviews of so many words or more are left out.
    seed : int
        Of the order.
    start_char, oov_char : int, optional
        What begins a review, and what stands for a word that is left out; None for nothing.
    index_from : int, optional
        What is added to each rank.
    **kwargs
        ``nb_words``, the older name of `num_words`.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Arrays of lists of int, and 0 or 1 for each.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.
    ValueError
        The file is not the published one, or `maxlen` leaves nothing.

    Notes
    -----
    Source: keras.datasets.imdb.

    Examples
    --------
    >>> from hotloop.datasets import imdb
    >>> (x_train, y_train), test = imdb.load_data(num_words=10_000)  # doctest: +SKIP
    """
    num_words = kwargs.pop("nb_words", num_words)
    if kwargs:
        msg = f"imdb.load_data: there is no argument {quoted(sorted(kwargs)[0])}"
        raise TypeError(msg)
    x, y, x_test, y_test = _words.members(SOURCE, ("x_train", "y_train", "x_test", "y_test"))
    parts = _words.shuffled([(x, y), (x_test, y_test)], seed)
    train, test = _words.encoded(
        "imdb",
        parts,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    return train, test


def get_word_index(path: Any = "imdb_word_index.json") -> dict[str, int]:  # noqa: ARG001
    """Return the rank of each word; in `load_data`, `index_from` is added to it.

    Examples
    --------
    >>> from hotloop.datasets import imdb
    >>> imdb.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return _words.word_index(WORDS)
