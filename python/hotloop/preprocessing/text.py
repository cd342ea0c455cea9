"""Texts as lists of the numbers of their words, as older versions of Keras had it."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import md5
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.names import serve
from hotloop._support.quoting import quoted

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return the words of a text.

    Parameters
    ----------
    input_text : str
        The text.
    filters : str
        Characters that stand between words.
    lower : bool
        Whether letters become small ones.
    split : str
        What stands between words besides.

    Examples
    --------
    >>> text_to_word_sequence("A cat, a dog!")
    ['a', 'cat', 'a', 'dog']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate({ord(character): split for character in filters})
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """Return a number from 1 to ``n - 1`` for each word of a text; two words may share one.

    Parameters
    ----------
    text : str
        The text.
    n : int
        Above the largest number.
    hash_function : callable or "md5", optional
        By default Python's ``hash``, which differs from process to process for texts.
    filters, lower, split
        As for `text_to_word_sequence`.
    analyzer : callable, optional
        Splits the text instead.

    Examples
    --------
    >>> hashing_trick("a cat a dog", 100, "md5")
    [92, 3, 92, 33]
    """
    if hash_function == "md5":

        def hash_function(word: str) -> int:
            return int(md5(word.encode(), usedforsecurity=False).hexdigest(), 16)

    numbered = hash if hash_function is None else hash_function
    words = (
        text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    )
    return [numbered(word) % (n - 1) + 1 for word in words]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """Return `hashing_trick` with Python's ``hash``; its name is Keras's.

    Parameters
    ----------
    input_text, n, filters, lower, split, analyzer
        As for `hashing_trick`.

    Examples
    --------
    >>> [0 < number < 50 for number in one_hot("a cat", 50)]
    [True, True]
    """
    return hashing_trick(input_text, n, None, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers the words of texts by how often they occur.

    Parameters
    ----------
    num_words : int, optional
        Words of this number and beyond are left out of sequences and matrices.
    filters, lower, split
        As for `text_to_word_sequence`.
    char_level : bool
        Whether each character is a word.
    oov_token : str, optional
        A word, of number 1, that stands for those that are not known.
    analyzer : callable, optional
        Splits a text instead.
    **kwargs
        ``nb_words``, the older name of `num_words`, and ``document_count``.

    Attributes
    ----------
    word_index, index_word : dict
        Numbers of words, from 1 on, the most frequent first; and back.
    word_counts, word_docs, index_docs : dict
        How often a word occurs, and in how many texts.
    document_count : int
        The number of texts.

    Notes
    -----
    Source: keras.preprocessing.text.Tokenizer of Keras 2.

    Examples
    --------
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["a cat", "a dog and a cat"])
    >>> tokenizer.word_index
    {'a': 1, 'cat': 2, 'dog': 3, 'and': 4}
    >>> tokenizer.texts_to_sequences(["a dog", "a bird"])
    [[1, 3], [1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warnings.warn("Tokenizer: nb_words is called num_words now", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        self.document_count: int = kwargs.pop("document_count", 0)
        if kwargs:
            msg = f"Tokenizer: there is no argument {quoted(sorted(kwargs)[0])}"
            raise TypeError(msg)
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.index_docs: dict[int, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return list(text)
            return [part.lower() for part in text]
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, each a str or a list of words, and number all that are known."""
        counts, documents = Counter(self.word_counts), Counter(self.word_docs)
        for text in texts:
            words = self._words(text)
            counts.update(words)
            documents.update(set(words))
            self.document_count += 1
        self.word_counts, self.word_docs = dict(counts), dict(documents)
        first = [] if self.oov_token is None else [self.oov_token]
        known = first + sorted(counts, key=lambda word: -counts[word])
        self.word_index = dict(zip(known, range(1, len(known) + 1), strict=True))
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs = {self.word_index[word]: count for word, count in documents.items()}

    def fit_on_sequences(self, sequences: Any) -> None:
        """Count in how many sequences each number occurs, for ``mode="tfidf"``."""
        self.document_count += len(sequences)
        documents = Counter(self.index_docs)
        for sequence in sequences:
            documents.update(set(sequence))
        self.index_docs = dict(documents)

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Return the numbers of each text's words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """Yield the numbers of each text's words."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        most = self.num_words or len(self.word_index) + 1
        known = {word: i if i < most else unknown for word, i in self.word_index.items()}
        for text in texts:
            found = (known.get(word, unknown) for word in self._words(text))
            yield [number for number in found if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Any]) -> list[str]:
        """Return the words of numbers, a space between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Any]) -> Iterator[str]:
        """Yield the words of each sequence's numbers."""
        most = self.num_words or len(self.index_word) + 1
        known = {i: word if i < most else self.oov_token for i, word in self.index_word.items()}
        for sequence in sequences:
            words = (known.get(number, self.oov_token) for number in sequence)
            yield " ".join(word for word in words if word is not None)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> NDArray[np.float64]:
        """Return one row a text; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> NDArray[np.float64]:
        """Return one row a sequence and one column a number.

        Parameters
        ----------
        sequences : list of list of int
            Numbers.
        mode : {"binary", "count", "freq", "tfidf"}
            Whether a number occurs, how often, which share it is, or its weight
            ``(1 + log(count)) * log(1 + documents / (1 + documents with it))``.

        Raises
        ------
        ValueError
            For another mode, and before the tokenizer has seen what it needs.
        """
        if mode not in MODES:
            msg = f"Tokenizer: mode must be one of {', '.join(MODES)}, got {quoted(mode)}"
            raise ValueError(msg)
        if not self.num_words and not self.word_index:
            msg = "Tokenizer: give num_words, or call fit_on_texts first"
            raise ValueError(msg)
        if mode == "tfidf" and not self.document_count:
            msg = "Tokenizer: call fit_on_texts before mode='tfidf'"
            raise ValueError(msg)
        size = self.num_words or len(self.word_index) + 1
        rows = np.zeros((len(sequences), size))
        for i, sequence in enumerate(sequences):
            numbers = np.asarray(sequence, dtype=np.int64)
            rows[i] = np.bincount(numbers[numbers < size], minlength=size)
        if mode == "count":
            return rows
        if mode == "binary":
            return (rows > 0).astype(float)
        if mode == "freq":
            lengths = np.array([max(len(sequence), 1) for sequence in sequences], float)
            return np.asarray(rows / lengths.reshape(-1, 1))
        documents = np.array([self.index_docs.get(i, 0) for i in range(size)])
        weights = np.log(1 + self.document_count / (1 + documents))
        return np.where(rows > 0, (1 + np.log(np.maximum(rows, 1))) * weights, 0)

    def get_config(self) -> dict[str, Any]:
        """Return what the tokenizer is and knows; tables as JSON, as in Keras."""
        plain = (
            "num_words",
            "filters",
            "lower",
            "split",
            "char_level",
            "oov_token",
            "document_count",
        )
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: json.dumps(getattr(self, name)) for name in _TABLES},
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return `get_config` as JSON, which `tokenizer_from_json` reads."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the tokenizer that ``Tokenizer.to_json`` described, here or in Keras.

    Parameters
    ----------
    json_string : str
        The description.

    Raises
    ------
    ValueError
        When it is no description of a tokenizer.

    Examples
    --------
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["a cat"])
    >>> tokenizer_from_json(tokenizer.to_json()).word_index
    {'a': 1, 'cat': 2}
    """
    try:
        config = dict(json.loads(json_string)["config"])
        tables = {name: json.loads(config.pop(name)) for name in _TABLES}
        made = Tokenizer(**config)
        for name, table in tables.items():
            numbered = name.startswith("index")
            setattr(made, name, {int(k) if numbered else k: v for k, v in table.items()})
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        msg = f"tokenizer_from_json: no description of a tokenizer: {quoted(str(error))}"
        raise ValueError(msg) from None
    return made


serve(__name__)
