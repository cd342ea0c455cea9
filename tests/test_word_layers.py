"""StringLookup, IntegerLookup and TextVectorization; examples are those of Keras's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers

WORDS = ["a", "b", "c", "d"]
DATA = [["a", "c", "d"], ["d", "z", "b"]]
IDF = [0.25, 0.75, 0.6, 0.4]


def test_keras_examples_of_string_lookup() -> None:
    lookup = layers.StringLookup
    assert lookup(vocabulary=WORDS)(DATA).tolist() == [[1, 3, 4], [4, 0, 2]]
    adapted = lookup()
    adapted.adapt(DATA)
    assert adapted.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert lookup(vocabulary=WORDS, output_mode="one_hot")(["a", "b", "c", "d", "z"]).tolist() == [
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [1, 0, 0, 0, 0],
    ]
    rows = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
    multi = lookup(vocabulary=WORDS, output_mode="multi_hot")(rows)
    assert multi.tolist() == [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]
    count = lookup(vocabulary=WORDS, output_mode="count")(rows)
    assert count.tolist() == [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]
    weighed = lookup(output_mode="tf_idf", vocabulary=WORDS, idf_weights=IDF)
    np.testing.assert_allclose(
        weighed(rows), [[0.0, 0.25, 0.0, 0.6, 0.8], [1.0, 0.0, 0.75, 0.0, 0.4]], rtol=1e-6
    )
    special = lookup(vocabulary=["[UNK]", *WORDS], output_mode="tf_idf", idf_weights=[0.9, *IDF])
    assert special(rows)[1, 0] == pytest.approx(1.8)
    back = lookup(vocabulary=WORDS, invert=True)([[1, 3, 4], [4, 0, 2]])
    assert back.tolist() == [["a", "c", "d"], ["d", "[UNK]", "b"]]
    masked = lookup(vocabulary=WORDS, mask_token="")
    assert masked(["", "a", "z"]).tolist() == [0, 2, 1]
    assert masked.get_vocabulary() == ["", "[UNK]", *WORDS]


def test_keras_examples_of_integer_lookup() -> None:
    lookup, vocab = layers.IntegerLookup, [12, 36, 1138, 42]
    data = np.array([[12, 1138, 42], [42, 1000, 36]])
    assert lookup(vocabulary=vocab)(data).tolist() == [[1, 3, 4], [4, 0, 2]]
    adapted = lookup()
    adapted.adapt(data)
    assert adapted.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    several = lookup(vocabulary=vocab, num_oov_indices=2)
    assert several([[12, 1138, 42], [37, 1000, 36]]).tolist() == [[2, 4, 5], [1, 0, 3]]
    assert lookup(vocabulary=vocab, invert=True)([1, 0]).tolist() == [12, -1]
    model = hl.Sequential(
        [hl.Input((2,)), lookup(vocabulary=vocab, output_mode="multi_hot"), layers.Dense(1)]
    )
    model.layers[1].set_weights([np.arange(5.0)[:, None], [0.0]])
    assert model.predict([[12, 42], [7, 7]]).ravel().tolist() == [5, 0]


def test_places_of_several_unknown_words_are_always_the_same() -> None:
    layer = layers.StringLookup(vocabulary=WORDS, num_oov_indices=3)
    found = layer(["x", "y", "longer word", "x"])
    assert found[0] == found[3]
    assert set(found.tolist()) <= {0, 1, 2}
    assert layer("d") == 6


# --- texts

TEXTS = ["The cat sat.", "The dog; the DOG!", "it's"]


def test_text_vectorization_pads_cuts_and_counts() -> None:
    layer = layers.TextVectorization()
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", "the", "dog", "sat", "its", "cat"]
    assert layer.get_vocabulary(include_special_tokens=False)[0] == "the"
    assert layer.vocabulary_size() == 7
    assert layer(["the bird sat", ""]).tolist() == [[2, 1, 4], [0, 0, 0]]
    assert layer([["cat"], ["the dog"]]).tolist() == [[6, 0], [2, 3]]
    assert layer("the cat").tolist() == [2, 6]
    assert layer(np.array([b"the cat"], dtype=object)).tolist() == [[2, 6]]
    cut = layers.TextVectorization(output_sequence_length=2, vocabulary=["the", "cat", "sat"])
    assert cut(["the cat sat", "sat"]).tolist() == [[2, 3], [4, 0]]
    few = layers.TextVectorization(max_tokens=4)
    few.adapt(iter([np.array(TEXTS[:2]), np.array(TEXTS[2:])]))
    assert few.get_vocabulary() == ["", "[UNK]", "the", "dog"]
    count = layers.TextVectorization(
        vocabulary=["the", "cat"], output_mode="count", max_tokens=5, pad_to_max_tokens=True
    )
    assert count(["the the bird cat"]).tolist() == [[1, 2, 1, 0, 0]]


def test_standardize_split_and_ngrams() -> None:
    made = layers.TextVectorization
    assert made(standardize="lower").rows("It's A") == [["it's", "a"]]
    assert made(standardize="strip_punctuation").rows(["It's A-b"]) == [["Its", "Ab"]]
    assert made(standardize=None, split="character").rows(["aB"]) == [["a", "B"]]
    assert made(split=None).rows(["A b."]) == [["a b"]]
    assert made(ngrams=2).rows(["a b c"]) == [["a", "b", "c", "a b", "b c"]]
    assert made(ngrams=(3,)).rows(["a b c"]) == [["a b c"]]
    own = made(
        standardize=lambda texts: np.char.replace(texts, "x", "y"),
        split=lambda texts: [text.split("-") for text in texts],
    )
    assert own.rows(["a-x"]) == [["a", "y"]]
    with pytest.raises(ValueError, match="a function as standardize or split cannot be described"):
        own.get_config()


def test_tf_idf() -> None:
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(["a b a", "b c"])
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "c"]
    weights = np.log(1 + 2 / (1 + np.array([2, 1, 1])))
    np.testing.assert_allclose(
        layer(["a a b z"]), [[weights.mean(), weights[0], 2 * weights[1], 0]], rtol=1e-6
    )


def model(vectorize: Any) -> Any:
    made = hl.Sequential(
        [hl.Input((1,), dtype="string"), vectorize, layers.Dense(1, activation="sigmoid")]
    )
    made.compile(hl.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return made


def test_texts_go_into_a_model(tmp_path: Path) -> None:
    x = np.array(["good film", "bad film", "very good", "awful, bad"] * 8)
    y = np.array([1, 0, 1, 0] * 8)
    vectorize = layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(x)
    hl.set_seed(1)
    made = model(vectorize)
    made.fit(x, y, epochs=60, verbose=0, validation_data=(x.tolist(), y))
    assert made.evaluate(x[:, None], y, verbose=0)[1] == 1.0
    probs = made.predict(["a good one", "bad"])
    assert probs[0] > 0.8
    assert probs[1] < 0.2
    np.testing.assert_array_equal(made(np.array(["a good one", "bad"])), probs)
    made.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    np.testing.assert_array_equal(again.predict(["a good one", "bad"]), probs)
    batches = hl.DataLoader(x, y, batch_size=8)
    assert made.evaluate(batches, verbose=0)[1] == 1.0


def test_texts_beside_numbers(tmp_path: Path) -> None:
    texts, numbers = hl.Input((1,), dtype="string", name="t"), hl.Input((2,), name="n")
    front = layers.TextVectorization(vocabulary=["x", "y"], output_mode="multi_hot")
    both = layers.Concatenate()([front(texts), numbers])
    made = hl.Model([texts, numbers], layers.Dense(2)(both))
    data = {"t": np.array(["x y", "q"]), "n": np.ones((2, 2))}
    made.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    np.testing.assert_array_equal(again.predict([data["t"], data["n"]]), made.predict(data))
    added = hl.Sequential()
    added.add(hl.Input((1,), dtype="string"))
    added.add(layers.StringLookup(vocabulary=["x"], output_mode="one_hot"))
    added.add(layers.Dense(1))
    assert added.predict([["x"], ["z"]]).shape == (2, 1)


def test_layers_on_texts_stand_first() -> None:
    start = hl.Input((1,))
    late = layers.Dense(1)(start)
    makers: list[Any] = [
        lambda: layers.StringLookup(vocabulary=["x"], output_mode="one_hot")(late),
        lambda: layers.Concatenate()(
            [layers.StringLookup(vocabulary=["x"], output_mode="one_hot")(start), start]
        ),
    ]
    for ends in makers:
        with pytest.raises(ValueError, match="reads texts, so it must stand first"):
            hl.Model(start, ends()).predict(["x"])
    with pytest.raises(ValueError, match="must stand first"):
        hl.Sequential([start, layers.Dense(1), layers.StringLookup(vocabulary=["x"])])


@pytest.mark.parametrize(
    "kind", [layers.StringLookup, layers.IntegerLookup, layers.TextVectorization]
)
def test_config_holds_the_vocabulary_and_names_no_file(kind: Any, tmp_path: Path) -> None:
    layer = kind(max_tokens=9)
    data = np.array([3, 4, 4]) if kind is layers.IntegerLookup else np.array(["u", "v", "v"])
    layer.adapt(data)
    again = kind.from_config(layer.get_config())
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert again(data).tolist() == layer(data).tolist()
    path = tmp_path / "words.txt"
    path.write_text("7\n8\n")
    read = kind(vocabulary=str(path))
    assert list(map(str, read.get_vocabulary(False))) == ["7", "8"]
    with pytest.raises(ValueError, match="a description holds its vocabulary"):
        kind.from_config({**layer.get_config(), "vocabulary": str(path)})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "each token once"),
        (lambda: layers.StringLookup(vocabulary=[]), "the vocabulary is empty"),
        (lambda: layers.StringLookup(vocabulary=WORDS, max_tokens=3), "more than max_tokens=3"),
        (lambda: layers.StringLookup(vocabulary=WORDS).adapt(WORDS), "nothing to adapt"),
        (
            lambda: layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)(["z"]),
            "num_oov_indices is 0",
        ),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=WORDS), "belong together"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), "invert needs"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), "needs max_tokens"),
        (lambda: layers.StringLookup(output_mode="count")(["a"]), "call adapt first"),
        (lambda: layers.StringLookup(num_oov_indices=10**9), "at most 65536"),
        (lambda: layers.StringLookup(encoding="latin1"), "encoding must be 'utf-8'"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), "vocabulary_dtype"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize must be one of"),
        (lambda: layers.TextVectorization(split="line"), "split must be one of"),
        (lambda: layers.TextVectorization(ragged=True), "ragged must be one of"),
        (lambda: layers.TextVectorization(ngrams=10**9), "ngrams must be from 1 to 100"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3), "needs"),
        (lambda: layers.TextVectorization()([["a", "b"]]), "one text a sample"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_numbers_are_no_texts() -> None:
    with pytest.raises(TypeError, match="texts are needed, got an array of int64"):
        layers.TextVectorization(vocabulary=["a"])([1, 2])
