"""utils and preprocessing: files, pictures, words and sequences, as Keras prepares them.

Values without another source are what Keras 3.15 (its legacy module for what Keras 3 dropped) answered.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.datasets import DatasetNotFoundError
from hotloop.preprocessing import image, sequence, text
from hotloop.utils import files

pytest.importorskip("PIL")
TEXTS = ["The cat sat on the mat.", "A dog; the dog, and a CAT!", "", "birds"]
NEW: list[Any] = ["the bird and the dog on a mat", ["the", "zebra", "cat"]]


# --- sequences

ROWS = [[1], [2, 3, 4], [], [5, 6, 7, 8, 9]]


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"maxlen": 2}, [[0, 1], [3, 4], [0, 0], [8, 9]]),
        ({"maxlen": 2, "padding": "post"}, [[1, 0], [3, 4], [0, 0], [8, 9]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [0, 0], [5, 6]]),
        (
            {"value": 7},
            [[7, 7, 7, 7, 1], [7, 7, 2, 3, 4], [7, 7, 7, 7, 7], [5, 6, 7, 8, 9]],
        ),
        ({"maxlen": 0}, [[], [], [], []]),
    ],
)
def test_pad_sequences(options: dict[str, Any], want: Any) -> None:
    got = hl.utils.pad_sequences(ROWS, **options)
    assert got.dtype == np.int32
    assert got.tolist() == want


def test_pad_sequences_of_arrays_and_texts() -> None:
    got = hl.utils.pad_sequences([np.ones((2, 3)), np.zeros((1, 3))], dtype="float32", value=-1)
    assert got.shape == (2, 2, 3)
    assert got[1].tolist() == [[-1, -1, -1], [0, 0, 0]]
    words = hl.utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="")
    assert words.tolist() == [["", "a"], ["b", "c"]]
    assert hl.utils.pad_sequences([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ([1, 2], {}, "must be a list of sequences"),
        (5, {}, "must be a list of sequences"),
        ([[1], [[2]]], {}, "the sequence 1 has (1,)"),
        ([[1]], {"padding": "middle"}, "padding must be 'pre' or 'post', got 'middle'"),
        ([[1]], {"value": "x"}, "give dtype=object"),
        ([[1]], {"maxlen": -1}, "maxlen"),
    ],
)
def test_pad_sequences_refuses(given: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="pad_sequences") as caught:
        hl.utils.pad_sequences(given, **options)
    assert said in str(caught.value)


def test_timeseries_generator() -> None:
    data = np.arange(40.0).reshape(20, 2)
    batches = sequence.TimeseriesGenerator(
        data, data[:, 0], 4, sampling_rate=2, stride=2, reverse=True, batch_size=3
    )
    assert len(batches) == 3
    x, y = batches[1]
    assert y.tolist() == [20, 24, 28]
    assert x[0, :, 0].tolist() == [16, 12]
    drawn = sequence.TimeseriesGenerator(data, data, 4, shuffle=True, batch_size=50)[0]
    np.testing.assert_array_equal(drawn[0][:, -1] + 2, drawn[1])
    model = hl.Sequential([hl.Input((4, 2)), hl.layers.Flatten(), hl.layers.Dense(1)])
    model.compile("sgd", "mse")
    generator = sequence.TimeseriesGenerator(data / 40, data[:, 0] / 40, 4)
    assert len(model.fit(generator, epochs=2, verbose=0).history["loss"]) == 2
    with pytest.raises(ValueError, match="no window of 30 fits"):
        sequence.TimeseriesGenerator(data, data, 30)
    with pytest.raises(ValueError, match="must be of one length, got 20 and 3"):
        sequence.TimeseriesGenerator(data, data[:3], 4)


def test_skipgrams() -> None:
    couples, labels = sequence.skipgrams([1, 2, 0, 3, 4, 1], 5, 2, 0, shuffle=False)
    assert couples == [
        [1, 2],
        [2, 1],
        [2, 3],
        [3, 2],
        [3, 4],
        [3, 1],
        [4, 3],
        [4, 1],
        [1, 3],
        [1, 4],
    ]
    assert labels == [1] * 10
    couples, labels = sequence.skipgrams(range(1, 9), 9, 2, 1.5, categorical=True, seed=3)
    assert len(couples) == len(labels) == 26 + 39
    assert sum(label[1] for label in labels) == 26
    assert sequence.skipgrams(range(9), 9, seed=3) == sequence.skipgrams(range(9), 9, seed=3)
    none = sequence.skipgrams([1, 2, 3], 9, sampling_table=np.zeros(9))
    assert none == ([], [])


# --- words


def test_tokenizer() -> None:
    tokenizer = text.Tokenizer(num_words=4, oov_token="<oov>")
    tokenizer.fit_on_texts(TEXTS)
    assert list(tokenizer.word_index)[:6] == ["<oov>", "the", "cat", "a", "dog", "sat"]
    assert (tokenizer.document_count, tokenizer.word_docs["cat"]) == (4, 2)
    rows = tokenizer.texts_to_sequences(NEW)
    assert rows == [[2, 1, 1, 2, 1, 1, 1, 1], [2, 1, 3]]
    assert tokenizer.sequences_to_texts(rows)[1] == "the <oov> cat"
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.get_config() == tokenizer.get_config()
    assert again.texts_to_sequences(NEW) == rows


def test_tokenizer_matrices() -> None:
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts(["a b a", "b c"])
    want: dict[str, Any] = {
        "binary": [0, 1, 1, 0],
        "count": [0, 2, 1, 0],
        "freq": [0, 2 / 3, 1 / 3, 0],
        "tfidf": [0, (1 + np.log(2)) * np.log(2), np.log(5 / 3), 0],
    }
    for mode, row in want.items():
        matrix: Any = tokenizer.texts_to_matrix(["a a b", ""], mode)
        np.testing.assert_allclose(matrix, [row, [0] * 4])
    counted = text.Tokenizer(num_words=3)
    counted.fit_on_sequences([[1, 2], [1]])
    assert counted.sequences_to_matrix([[1, 1, 9]], "count").tolist() == [[0, 2, 0]]


def test_tokenizer_by_character_and_by_hand() -> None:
    tokenizer = text.Tokenizer(char_level=True, lower=False)
    tokenizer.fit_on_texts(["abA"])
    assert tokenizer.texts_to_sequences(["Ab!"]) == [[3, 2]]
    split = text.Tokenizer(analyzer=lambda given: given.split("-"))
    split.fit_on_texts(["a-b"])
    assert list(split.word_index) == ["a", "b"]


@pytest.mark.parametrize("given", ["", "[]", '{"config": {}}', '{"config": {"word_counts": 3}}'])
def test_tokenizer_from_json_refuses(given: str) -> None:
    with pytest.raises(ValueError, match="no description of a tokenizer"):
        text.tokenizer_from_json(given)


def test_tokenizer_refuses() -> None:
    with pytest.raises(TypeError, match="there is no argument 'words'"):
        text.Tokenizer(words=3)
    tokenizer = text.Tokenizer()
    with pytest.raises(ValueError, match="give num_words, or call fit_on_texts"):
        tokenizer.texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="mode must be one of binary, count, freq, tfidf"):
        tokenizer.texts_to_matrix(["a"], "counts")
    with pytest.raises(ValueError, match="before mode='tfidf'"):
        text.Tokenizer(num_words=3).texts_to_matrix(["a"], "tfidf")
    with pytest.warns(UserWarning, match="num_words"):
        assert text.Tokenizer(nb_words=3).num_words == 3


# --- pictures


def picture(folder: Path) -> Path:
    from PIL import Image  # noqa: PLC0415

    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder / "a.png"


def test_pictures(tmp_path: Path) -> None:
    path = picture(tmp_path)
    plain = hl.utils.img_to_array(hl.utils.load_img(path))
    assert (plain.shape, plain.dtype) == ((6, 8, 3), np.dtype(np.float32))
    assert plain[1, 0].tolist() == [24, 25, 26]
    assert hl.utils.img_to_array(plain, data_format="channels_first").shape == (3, 6, 8)
    sizes = [
        hl.utils.load_img(str(path), **options).size
        for options in (
            {"color_mode": "grayscale"},
            {"color_mode": "rgba", "target_size": (3, 4)},
            {"target_size": (9, 9), "interpolation": "bilinear", "keep_aspect_ratio": True},
        )
    ]
    assert sizes == [(8, 6), (4, 3), (9, 9)]
    for channels, ending in ((1, "png"), (3, "png"), (4, "png")):
        x = np.random.default_rng(0).integers(0, 255, (5, 4, channels)).astype("float32")
        hl.utils.save_img(tmp_path / f"b.{ending}", x, scale=False)
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
        read = hl.utils.img_to_array(hl.utils.load_img(tmp_path / f"b.{ending}", color_mode=mode))
        np.testing.assert_array_equal(read, x)
    wide = hl.utils.array_to_img(np.full((2, 2, 1), 70_000.0), scale=False)
    assert np.asarray(wide).max() == 70_000
    scaled = np.asarray(hl.utils.array_to_img(np.array([[[-1.0], [1.0]]])))
    assert scaled.tolist() == [[0, 255]]
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        hl.utils.save_img(tmp_path / "c.jpg", np.zeros((2, 2, 4)))


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    path = picture(tmp_path)
    with pytest.raises(ValueError, match="color_mode must be one of"):
        hl.utils.load_img(path, color_mode="bgr")
    with pytest.raises(ValueError, match="interpolation must be one of"):
        hl.utils.load_img(path, target_size=(2, 2), interpolation="sinc")
    with pytest.raises(TypeError, match="path must be a path or a file"):
        hl.utils.load_img(3)
    with pytest.raises(ValueError, match="two or three axes"):
        hl.utils.img_to_array(np.zeros(3))
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        hl.utils.array_to_img(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="three axes"):
        hl.utils.array_to_img(np.zeros((2, 2)))


def test_smart_resize() -> None:
    """Rows 1 and 2 are the middle; the centres of three new columns lie at 1/6, 3/2 and 17/6."""
    x = np.arange(2 * 5 * 4, dtype=np.float32).reshape(2, 5, 4, 1)
    got = image.smart_resize(x, (2, 3))
    np.testing.assert_allclose(
        got[0, :, :, 0], [[25 / 6, 5.5, 41 / 6], [49 / 6, 9.5, 65 / 6]], rtol=1e-6
    )
    nearest = image.smart_resize(x[0].astype(np.uint8), (2, 2), "nearest")
    assert (nearest.dtype, nearest[:, :, 0].tolist()) == (np.dtype("float32"), [[5, 7], [13, 15]])
    first = image.smart_resize(np.moveaxis(x, -1, 1), (2, 3), data_format="channels_first")
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), got)
    with pytest.raises(ValueError, match="three or four axes"):
        image.smart_resize(x[0, 0], (2, 2))
    with pytest.raises(ValueError, match="interpolation must be one of nearest, bilinear"):
        image.smart_resize(x, (2, 2), "cubic")


# --- files


def archive(members: dict[str, bytes], kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as zipped:
            for name, content in members.items():
                zipped.writestr(name, content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_get_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "words.txt"
    source.write_bytes(b"one")
    origin = source.as_uri()
    sums = {kind: hashlib.new(kind, b"one").hexdigest() for kind in ("md5", "sha256")}
    path = hl.utils.get_file(origin=origin, file_hash=sums["sha256"])
    assert Path(path) == tmp_path / "cache/datasets/words.txt"
    source.write_bytes(b"two")
    assert Path(hl.utils.get_file(origin=origin, md5_hash=sums["md5"])).read_bytes() == b"one"
    assert Path(hl.utils.get_file(origin=origin, force_download=True)).read_bytes() == b"two"
    with pytest.raises(ValueError, match=r"has the md5 .*, not"):
        hl.utils.get_file(origin=origin, file_hash=sums["md5"])
    assert Path(path).read_bytes() == b"two"  # what was refused is not kept
    other = hl.utils.get_file("b.txt", origin, cache_dir=tmp_path, cache_subdir="mine")
    assert Path(other) == tmp_path / "mine/b.txt"
    wrong: list[dict[str, Any]] = [{"fname": "a/b"}, {"fname": ".."}, {"hash_algorithm": "crc"}]
    for bad in (*wrong, {"origin": None}):
        with pytest.raises(ValueError, match="get_file: "):
            hl.utils.get_file(**{"origin": origin, **bad})
    with pytest.raises(DatasetNotFoundError, match="no copy at"):
        hl.utils.get_file(origin="http://127.0.0.1:9/x.txt")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["a", "a.bin"])
def test_get_file_unpacks(tmp_path: Path, kind: str, name: str) -> None:
    source = tmp_path / f"source.{kind}"
    source.write_bytes(archive({"in/x.txt": b"one", "y.txt": b"two"}, kind))
    place = Path(hl.utils.get_file(name, source.as_uri(), extract=True, cache_dir=tmp_path / "c"))
    assert place.name == {"a": "a", "a.bin": "a_extracted"}[name]
    assert (place / "in/x.txt").read_bytes() == b"one"
    assert (place / "y.txt").read_bytes() == b"two"


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../out.txt", "/tmp/hotloop-out.txt", "in/../../out.txt"])
def test_get_file_writes_nothing_outside(tmp_path: Path, kind: str, name: str) -> None:
    source = tmp_path / f"source.{kind}"
    source.write_bytes(archive({name: b"one"}, kind))
    with pytest.raises(ValueError, match="writes outside of its folder"):
        hl.utils.get_file("a", source.as_uri(), extract=True, cache_dir=tmp_path / "c")
    assert not list(tmp_path.rglob("out.txt"))


def test_links_in_archives_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        link = tarfile.TarInfo("x")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.warns(UserWarning, match="x is no plain file; left out"):
        place = hl.utils.get_file(
            "a", (tmp_path / "s.tar").as_uri(), untar=True, cache_dir=tmp_path / "c"
        )
    assert not (Path(place) / "x").exists()
    (tmp_path / "s.txt").write_text("no archive")
    with pytest.warns(UserWarning, match="neither a tar nor a zip"):
        files.get_file("b", (tmp_path / "s.txt").as_uri(), extract=True, cache_dir=tmp_path / "c")


# --- the rest


def test_progbar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = hl.utils.Progbar(10, width=5, interval=0, stateful_metrics=["rate"])
    for step in range(1, 11):
        bar.update(step, [("loss", float(step)), ("rate", step)])
    shown = capsys.readouterr().out.split("\r")
    assert shown[5].startswith(" 5/10 ━━───")
    assert "loss: 3.0000 - rate: 5.0000" in shown[5]
    assert shown[-1].startswith("10/10 ━━━━━")
    assert shown[-1].rstrip(" \n").endswith("loss: 5.5000 - rate: 10.0000")
    assert shown[-1].endswith("\n")
    hl.utils.Progbar(3, verbose=0).add(3)
    hl.utils.Progbar(None, interval=0).add(3)
    assert capsys.readouterr().out.startswith("\r3/Unknown")
    with pytest.raises(ValueError, match="not both"):
        hl.utils.Progbar(3, stateful_metrics=[], stateless_metrics=[])


class Halved(hl.layers.Dense):
    """A layer of one's own."""


def half(y: Any, p: Any) -> Any:
    return hl.ops.mean(hl.ops.square(y - p), axis=-1) / 2


def test_objects_of_ones_own_by_name() -> None:
    description = hl.Sequential([hl.Input((2,)), Halved(1)]).to_json()
    with pytest.raises(ValueError, match="Halved"):
        hl.models.model_from_json(description)
    with hl.utils.custom_object_scope({"Halved": Halved}):
        assert hl.models.model_from_json(description).count_params() == 3
    hl.utils.get_custom_objects()["Halved"] = Halved
    try:
        assert hl.models.model_from_json(description).count_params() == 3
        assert hl.utils.get_registered_name(Halved) == "Halved"
        assert hl.utils.get_registered_object("Halved") is Halved
    finally:
        del hl.utils.get_custom_objects()["Halved"]
    assert hl.utils.get_registered_object("Halved", {"Halved": Halved}) is Halved


@pytest.mark.parametrize(
    "thing",
    [
        hl.layers.Dense(3, "relu", name="d", kernel_regularizer="l2"),
        hl.optimizers.Adam(0.1),
        hl.losses.Huber(2.0),
        hl.metrics.Precision(),
        hl.initializers.HeNormal(seed=1),
        hl.optimizers.schedules.CosineDecay(0.1, 10),
    ],
)
def test_objects_by_description(thing: Any) -> None:
    described = hl.utils.serialize_keras_object({"it": [thing, 3, None]})
    made = hl.utils.deserialize_keras_object(described["it"][0])
    assert type(made) is type(thing)
    assert made.get_config() == thing.get_config()
    assert described["it"][1:] == [3, None]


def test_functions_by_description() -> None:
    described = hl.utils.serialize_keras_object(half)
    assert hl.utils.deserialize_keras_object(described, {"half": half}) is half
    for wrong in (described, {"class_name": "os.system", "config": {}}, {"class_name": "Layer3"}):
        with pytest.raises(ValueError, match="deserialize_keras_object: unknown"):
            hl.utils.deserialize_keras_object(wrong)
    with pytest.raises(ValueError, match="does not fit"):
        hl.utils.deserialize_keras_object({"class_name": "Dense", "config": {"unit": 3}})
    with pytest.raises(ValueError, match="has no get_config"):
        hl.utils.serialize_keras_object(object())
