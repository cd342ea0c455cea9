"""Layers that turn words and whole numbers into their places in a vocabulary, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.graph.symbol import symbols_in
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.tabular import MODES, batches_in, check_mode, encoded, encoded_shape

_MOST_NGRAMS, _MOST_UNKNOWN = 100, 2**16
_ALL_MODES = (*MODES, "tf_idf")
# What `lower_and_strip_punctuation` takes out.
_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")


def _texts(name: str, data: Any) -> Array:
    """Return an array of str; bytes are UTF-8."""
    array = np.asarray(data)
    if array.dtype.kind == "O" and all(isinstance(each, str | bytes) for each in array.ravel()):
        words = (w.decode() if isinstance(w, bytes) else w for w in array.ravel())
        array = np.array(list(words), dtype=str).reshape(array.shape)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind != "U" and array.size:
        msg = f"{name}: texts are needed, got an array of {array.dtype}"
        raise TypeError(msg)
    return array.astype(str, copy=False)


class Lookup(Layer, builtin=True):
    """What the layers with a vocabulary share.

    A layer on texts stands before everything else in a model: it runs on the data as they come in.

    Parameters
    ----------
    max_tokens : int, optional
        Size of the vocabulary at most, with mask and unknown tokens.
    num_oov_indices : int
        Places for tokens that are not known.
    mask_token, oov_token : optional
        What stands for nothing, at place 0 in the mode "int", and for what is not known.
    vocabulary : sequence or path, optional
        Given at once; otherwise `adapt` finds it.
    idf_weights : sequence of float, optional
        Of each token, for the mode "tf_idf".
    invert : bool
        Whether places are turned into tokens.
    output_mode : {"int", "one_hot", "multi_hot", "count", "tf_idf"}
        Places; a row for each; or one row for all of a sample's.
    pad_to_max_tokens : bool
        Whether rows have `max_tokens` columns in any case.
    sparse : bool
        Must be False.
    **kwargs
        Of `Layer`.
    """

    recordable = False
    # What stands in vocabularies.
    kind: type = str

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name = type(self).__name__
        self.max_tokens = None if max_tokens is None else whole(name, "max_tokens", max_tokens, 2)
        self.num_oov_indices = whole(name, "num_oov_indices", num_oov_indices, least=0)
        if self.num_oov_indices > _MOST_UNKNOWN:
            msg = f"{name}: num_oov_indices must be at most {_MOST_UNKNOWN}, got {num_oov_indices}"
            raise ValueError(msg)
        self.mask_token, self.oov_token = mask_token, oov_token
        self.output_mode = check_mode(name, output_mode, sparse, _ALL_MODES)
        if invert and (self.output_mode != "int" or self.num_oov_indices != 1):
            msg = f"{name}: invert needs output_mode='int' and num_oov_indices=1"
            raise ValueError(msg)
        if pad_to_max_tokens and max_tokens is None:
            msg = f"{name}: pad_to_max_tokens needs max_tokens"
            raise ValueError(msg)
        self.invert, self.pad_to_max_tokens = bool(invert), bool(pad_to_max_tokens)
        self.idf_weights: list[float] | None = None
        self._tokens: list[Any] = []
        self._places: dict[Any, int] = {}
        self.is_given = vocabulary is not None
        if self.output_mode == "tf_idf" and self.is_given != (idf_weights is not None):
            msg = f"{name}: vocabulary and idf_weights belong together in the mode 'tf_idf'"
            raise ValueError(msg)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # -- the vocabulary --------------------------------------------------------------------------

    @property
    def _specials(self) -> list[Any]:
        masked = self.mask_token is not None and self.output_mode == "int"
        return ([self.mask_token] if masked else []) + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in order, mask and unknown ones first."""
        return (self._specials if include_special_tokens else []) + self._tokens

    def vocabulary_size(self) -> int:
        """Return the number of places."""
        return len(self._specials) + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take tokens in order, with or without mask and unknown ones in front.

        Parameters
        ----------
        vocabulary : sequence or path
            Tokens, or a file with one a line.
        idf_weights : sequence of float, optional
            Of each token, for the mode "tf_idf".

        Raises
        ------
        ValueError
            For an empty vocabulary, one with repeats, or one that is too large.
        """
        name = f"{type(self).__name__} {self.name!r}"
        if isinstance(vocabulary, str | Path):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").split("\n")
            vocabulary = vocabulary[:-1] if vocabulary[-1] == "" else vocabulary
        tokens = [self.kind(token) for token in vocabulary]
        specials = self._specials
        leading = tokens[: len(specials)] == specials and bool(specials)
        tokens = tokens[len(specials) :] if leading else tokens
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated or (self.mask_token is not None and self.mask_token in tokens):
            wrong = repeated[0] if repeated else self.mask_token
            msg = f"{name}: a vocabulary has each token once, and the mask first, got {quoted(wrong)} again"
            raise ValueError(msg)
        if not tokens and not leading:
            msg = f"{name}: the vocabulary is empty"
            raise ValueError(msg)
        self._take(tokens)
        if self.max_tokens is not None and self.vocabulary_size() > self.max_tokens:
            msg = f"{name}: {self.vocabulary_size()} tokens are more than max_tokens={self.max_tokens}"
            raise ValueError(msg)
        if idf_weights is not None:
            weights = [float(weight) for weight in idf_weights]
            if len(weights) not in (len(tokens), self.vocabulary_size()):
                msg = f"{name}: {len(tokens)} tokens, but {len(weights)} idf_weights"
                raise ValueError(msg)
            missing = self.vocabulary_size() - len(weights)
            self.idf_weights = [float(np.mean(weights))] * missing + weights

    def _take(self, tokens: list[Any]) -> None:
        self._tokens = tokens
        start = len(self._specials)
        self._places = {token: start + i for i, token in enumerate(tokens)}

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find the vocabulary of data: the most frequent tokens first, then the last in the alphabet.

        Parameters
        ----------
        data : array_like or iterable of batches
            Samples on the first axis.
        batch_size : int, optional
            Accepted as Keras does.
        steps : int, optional
            Batches that are looked at.

        Raises
        ------
        ValueError
            When the vocabulary was given.
        """
        del batch_size
        if self.is_given:
            msg = f"{type(self).__name__} {self.name!r}: a vocabulary was given, there is nothing to adapt"
            raise ValueError(msg)
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        total = 0
        for batch in batches_in(data, steps):
            rows = self.rows(batch)
            counts.update(chain.from_iterable(rows))
            documents.update(chain.from_iterable(map(set, rows)))
            total += len(rows)
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        order = sorted(
            counts, key=lambda token: (counts[token], self._by_bytes(token)), reverse=True
        )
        room = None if self.max_tokens is None else self.max_tokens - len(self._specials)
        self._take(order[:room])
        if self.output_mode == "tf_idf":
            weights = np.log(1 + total / (1 + np.array([documents[t] for t in self._tokens])))
            mean = float(weights.mean()) if len(weights) else 0.0
            self.idf_weights = [mean] * len(self._specials) + weights.tolist()

    @staticmethod
    def _by_bytes(token: Any) -> Any:
        return token.encode() if isinstance(token, str) else token

    def rows(self, data: Any) -> list[list[Any]]:
        """Return the tokens of each sample."""
        array = self.array(data)
        return array.reshape(len(array), -1).tolist() if array.ndim else [[array.item()]]

    def array(self, data: Any) -> Array:
        """Return data as an array of tokens."""
        raise NotImplementedError

    # -- the layer -------------------------------------------------------------------------------

    def depth(self) -> int | None:
        """Return the number of columns; None before there is a vocabulary."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size() if self._tokens else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (..., n) for places, (..., depth) for rows."""
        return encoded_shape(input_shape, self.output_mode, self.depth())

    def _found(self, tokens: list[Any]) -> Array:
        """Return the place of each token."""
        mask = 0 if self.output_mode == "int" else -1
        first = 1 if self.mask_token is not None and self.output_mode == "int" else 0
        places: Mapping[Any, int] = self._places
        if self.mask_token is not None:
            places = {**places, self.mask_token: mask}
        if self.num_oov_indices == 1:
            return np.fromiter(
                (places.get(token, first) for token in tokens), np.int64, len(tokens)
            )
        unknown = next((token for token in tokens if token not in places), None)
        if not self.num_oov_indices and unknown is not None:
            msg = f"{type(self).__name__} {self.name!r}: {quoted(unknown)} is not in the vocabulary, and num_oov_indices is 0"
            raise ValueError(msg)
        found = (
            places[token] if token in places else first + self._bucket(token) for token in tokens
        )
        return np.fromiter(found, np.int64, len(tokens))

    def _bucket(self, token: Any) -> int:
        """Return which of several places an unknown token has."""
        if isinstance(token, int):
            return token % self.num_oov_indices
        value = 0xCBF29CE484222325  # FNV-1a; TensorFlow's hash is another
        for byte in token.encode():
            value = ((value ^ byte) * 0x100000001B3) % 2**64
        return value % self.num_oov_indices

    def looked_up(self, data: Any) -> Any:
        """Return places of tokens, tokens of places, or rows, as `output_mode` and `invert` say."""
        if self.invert:
            places = np.asarray(data, np.int64)
            words = np.array(self.get_vocabulary())
            known = (places >= 0) & (places < len(words))
            missing = self.oov_token
            return np.where(known, words[np.where(known, places, 0)], missing)
        array = self.array(data)
        return self._rows_of(self._found(array.ravel().tolist()).reshape(array.shape))

    def _rows_of(self, places: Array) -> Array:
        if self.output_mode == "int":
            return places
        name, depth = f"{type(self).__name__} {self.name!r}", self.depth()
        if depth is None:
            msg = f"{name}: call adapt first, or give a vocabulary"
            raise ValueError(msg)
        # What is masked has a column that is left out.
        shifted = encoded(
            name,
            places + 1,
            "count" if self.output_mode == "tf_idf" else self.output_mode,
            depth + 1,
            self.dtype,
        )[..., 1:]
        if self.output_mode != "tf_idf":
            return shifted
        weights = np.zeros(depth, self.dtype)
        weights[: self.vocabulary_size()] = self.idf_weights
        return shifted * weights

    def __call__(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return what stands for data; of a symbol, a symbol."""
        if symbols_in(x) is not None:
            return super().__call__(x, training, mask)
        return self.looked_up(x)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return places or rows, in the dtype of the layer."""
        cache.shape = x.shape
        return np.asarray(self.looked_up(x)).astype(x.dtype)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Return zeros: places do not change with their inputs."""
        return np.zeros(cache.shape, dy.dtype) if cache.need_dx else None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make a layer from the result of `get_config`; a description names no file to read."""
        if isinstance(config.get("vocabulary"), str):
            msg = f"{cls.__name__}: a description holds its vocabulary, got {quoted(config['vocabulary'])}"
            raise ValueError(msg)
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, and the vocabulary that `adapt` found."""
        names = (
            "max_tokens",
            "num_oov_indices",
            "mask_token",
            "oov_token",
            "idf_weights",
            "invert",
            "output_mode",
            "pad_to_max_tokens",
        )
        return {
            **{name: getattr(self, name) for name in names},
            "vocabulary": self.get_vocabulary(False) or None,
            **super().get_config(),
        }


class StringLookup(Lookup, builtin=True):
    """The places of words in a vocabulary, or the words at places.

    Parameters
    ----------
    max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, pad_to_max_tokens
        See `TextVectorization`, which splits texts too.
    sparse, encoding
        Must be False and "utf-8".
    **kwargs
        `name` of `Layer`.

    Notes
    -----
    Source: keras.layers.StringLookup. With several places for unknown words, which of them a word gets is ours.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.StringLookup(vocabulary=["a", "b"])
    >>> layer([["b", "z"]])
    array([[2, 0]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'a', 'b']
    """

    reads_text = True

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        if encoding != "utf-8":
            msg = f"{type(self).__name__}: encoding must be 'utf-8', got {quoted(encoding)}"
            raise ValueError(msg)
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            **kwargs,
        )

    def array(self, data: Any) -> Array:
        """Return data as an array of str."""
        return _texts(f"{type(self).__name__} {self.name!r}", data)


class IntegerLookup(Lookup, builtin=True):
    """The places of whole numbers in a vocabulary, or the numbers at places.

    Parameters
    ----------
    max_tokens, num_oov_indices, mask_token, oov_token, vocabulary
        See `TextVectorization`; tokens are whole numbers, -1 stands for those that are not known.
    vocabulary_dtype : {"int64"}
        Of tokens.
    idf_weights, invert, output_mode, sparse, pad_to_max_tokens
        See `TextVectorization`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.IntegerLookup.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.IntegerLookup(vocabulary=[12, 36, 1138])([[36, 7, 12]])
    array([[2, 0, 1]])
    """

    kind = int

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            msg = f"IntegerLookup: vocabulary_dtype must be 'int64', got {quoted(vocabulary_dtype)}"
            raise ValueError(msg)
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            **kwargs,
        )

    def array(self, data: Any) -> Array:
        """Return data as an array of int64."""
        return np.asarray(data).astype(np.int64)


class TextVectorization(StringLookup, builtin=True):
    """Texts as the places of their words in a vocabulary, or as one row for each.

    Parameters
    ----------
    max_tokens : int, optional
        Size of the vocabulary at most, with the tokens for padding and unknown words.
    standardize : {"lower_and_strip_punctuation", "lower", "strip_punctuation"}, callable or None
        What is done to texts first.
    split : {"whitespace", "character"}, callable or None
        How they become words; a callable takes an array of texts.
    ngrams : int or tuple of int, optional
        Whether so many words in a row are words too.
    output_mode : {"int", "multi_hot", "count", "tf_idf"}
        Places, 0 for padding and 1 for unknown words; or one row a text: whether each word occurs, how often, or
        ``count * log(1 + texts / (1 + texts with it))``.
    output_sequence_length : int, optional
        Length of rows of places; by default that of the longest text in a batch.
    pad_to_max_tokens : bool
        Whether rows have `max_tokens` columns in any case.
    vocabulary : sequence or path, optional
        Given at once; otherwise `adapt` finds it.
    idf_weights : sequence of float, optional
        Of each word, for the mode "tf_idf".
    sparse, ragged, encoding
        Must be False, False and "utf-8".
    **kwargs
        `name` of `Layer`.

    Notes
    -----
    Source: keras.layers.TextVectorization. In a model it stands first, on an ``Input(shape=(1,), dtype="string")``.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'the', 'sat', 'dog', 'cat']
    >>> layer(["the bird sat"])
    array([[2, 1, 3, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        rules = (None, "lower_and_strip_punctuation", "lower", "strip_punctuation")
        for name, value, legal in (
            ("standardize", standardize, rules),
            ("split", split, (None, "whitespace", "character")),
            ("ragged", ragged, (False,)),
        ):
            if not callable(value) and value not in legal:
                msg = f"TextVectorization: {name} must be one of {legal}, got {quoted(value)}"
                raise ValueError(msg)
        if ngrams is not None:
            given = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
            if not 0 < len(given) <= _MOST_NGRAMS:
                msg = f"TextVectorization: ngrams must be from 1 to {_MOST_NGRAMS}, got {quoted(ngrams)}"
                raise ValueError(msg)
            ngrams = tuple(whole("TextVectorization", "ngrams", n, least=1) for n in given)
        if output_sequence_length is not None:
            if output_mode != "int":
                msg = "TextVectorization: output_sequence_length needs output_mode='int'"
                raise ValueError(msg)
            whole("TextVectorization", "output_sequence_length", output_sequence_length, least=1)
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self.output_sequence_length = output_sequence_length
        super().__init__(
            max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            **kwargs,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N,) or (N, 1) -> (N, length) or (N, depth)."""
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return (input_shape[0], self.depth())

    def rows(self, data: Any) -> list[list[str]]:
        """Return the words of each text."""
        name = f"TextVectorization {self.name!r}"
        texts = _texts(name, data)
        if self.split is not None and texts.ndim > 1:
            if texts.shape[-1] != 1:
                msg = f"{name}: one text a sample is needed, got shape {texts.shape}"
                raise ValueError(msg)
            texts = texts[..., 0]
        texts = np.atleast_1d(texts)
        if callable(self.standardize):
            texts = _texts(name, self.standardize(texts))
        elif self.standardize is not None:
            plain: list[str] = texts.ravel().tolist()
            if "lower" in self.standardize:
                plain = [text.lower() for text in plain]
            if "strip" in self.standardize:
                plain = [_PUNCTUATION.sub("", text) for text in plain]
            texts = np.array(plain, dtype=str).reshape(texts.shape)
        found: Iterable[Sequence[str]]
        if callable(self.split):
            found = self.split(texts)
        elif self.split == "whitespace":
            found = [text.split() for text in texts.tolist()]
        elif self.split == "character":
            found = [list(text) for text in texts.tolist()]
        else:
            found = texts.reshape(len(texts), -1).tolist()
        words = [[str(word) for word in row] for row in found]
        if self.ngrams is None:
            return words
        return [
            [" ".join(row[i : i + n]) for n in self.ngrams for i in range(len(row) - n + 1)]
            for row in words
        ]

    def looked_up(self, data: Any) -> Array:
        """Return places (N, length), or rows (N, depth)."""
        rows = self.rows(data)
        found = self._found(list(chain.from_iterable(rows)))
        lengths = np.array([len(row) for row in rows], np.int64)
        if self.output_mode != "int":
            width = int(lengths.max(initial=0))
            table = np.full((len(rows), width), -1, np.int64)
            table[np.arange(width) < lengths[:, None]] = found
            return self._rows_of(table)
        width = self.output_sequence_length or int(lengths.max(initial=0))
        kept = np.concatenate([np.arange(n) for n in lengths]) if len(rows) else found
        table = np.zeros((len(rows), width), np.int64)
        table[np.arange(width) < lengths[:, None]] = found[kept < width]
        one = np.ndim(data) == 0
        return table[0] if one else table

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, and the vocabulary that `adapt` found.

        Raises
        ------
        ValueError
            For functions of one's own, which no file holds.
        """
        if callable(self.standardize) or callable(self.split):
            msg = f"TextVectorization {self.name!r}: a function as standardize or split cannot be described; apply it to the data instead"
            raise ValueError(msg)
        config = super().get_config()
        for name in ("num_oov_indices", "mask_token", "oov_token", "invert"):
            del config[name]
        own = ("standardize", "split", "output_sequence_length")
        config |= {name: getattr(self, name) for name in own}
        return {**config, "ngrams": None if self.ngrams is None else list(self.ngrams)}


__all__ = ["IntegerLookup", "StringLookup", "TextVectorization"]
