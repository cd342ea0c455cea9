"""`hl.compile`: a recorded step answers the bits of the plain one, whole or not at all."""

from __future__ import annotations

import copy
import pickle
import signal
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import ops

Step = Any


def the_model(kind: str) -> Any:
    hl.random.set_seed(1)
    layers = hl.layers
    if kind == "softmax":
        return hl.Sequential(
            [hl.Input((12,)), layers.Dense(16, "tanh"), layers.Dense(4, "softmax")]
        )
    if kind == "regular":
        return hl.Sequential(
            [
                hl.Input((12,)),
                layers.Dense(16, "relu"),
                layers.Dropout(0.3),
                layers.BatchNormalization(),
                layers.Dense(4),
            ]
        )
    if kind == "images":
        return hl.Sequential(
            [
                hl.Input((12,)),
                layers.Reshape((4, 3, 1)),
                layers.Conv2D(4, 3, padding="same", activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(4),
            ]
        )
    x = hl.Input((12,))
    h = layers.Dense(8)(x)
    h = ops.exp(-h * h) * 2.0 + layers.Dense(8, kernel_regularizer="l2")(x)
    return hl.Model(x, layers.Dense(4)(ops.concatenate([h, h[:, ::-1]], axis=1)))


def the_step(kind: str, optimizer: Any) -> tuple[Any, Step]:
    model = the_model(kind)
    loss = hl.losses.SparseCategoricalCrossentropy(from_logits=kind != "softmax")
    accuracy = hl.metrics.SparseCategoricalAccuracy()

    def step(x: Any, y: Any) -> Any:
        weights = model.trainable_variables
        with hl.GradientTape() as tape:
            p = model(x + hl.random.normal(x.shape, stddev=0.1), training=True)
            value = loss(y, p) + sum(model.losses) + ops.mean(ops.square(p)) * 0.01
        grads = tape.gradient(value, weights)
        optimizer.apply_gradients(zip(grads, weights, strict=True))
        accuracy.update_state(y, p)
        return {"loss": value, "accuracy": accuracy.result(), "out": [p, (grads[0],)]}

    return model, step


def the_batches(n: int = 5, size: int = 6) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(2)
    shape = (size, 12)
    return [
        (hl.Tensor(rng.normal(size=shape).astype(np.float32)), rng.integers(0, 4, size))
        for _ in range(n)
    ]


def flat(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, list | tuple):
        return [leaf for item in answer for leaf in flat(item)]
    return [np.asarray(answer)]


def trained(kind: str, optimizer: Any, compiled: bool, batches: Any = None) -> list[Any]:
    model, step = the_step(kind, optimizer)
    run = hl.compile(step) if compiled else step
    hl.random.set_seed(3)
    found = [flat(run(x, y)) for x, y in batches or the_batches()]
    return [*found, model.get_weights(), [np.array(optimizer.iterations)]]


def agree(a: list[Any], b: list[Any]) -> bool:
    pairs = [(u, v) for p, q in zip(a, b, strict=True) for u, v in zip(p, q, strict=True)]
    return all(u.tobytes() == v.tobytes() for u, v in pairs)


OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: hl.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: hl.optimizers.Adam(0.01),
    "scheduled": lambda: hl.optimizers.RMSprop(
        hl.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), clipnorm=0.5
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["softmax", "regular", "images", "operations"])
def test_a_recorded_step_has_the_bits_of_the_plain_one(kind: str, optimizer: str) -> None:
    plain = trained(kind, OPTIMIZERS[optimizer](), compiled=False)
    assert agree(plain, trained(kind, OPTIMIZERS[optimizer](), compiled=True))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_same_bits_for_any_number_of_threads(threads: int) -> None:
    plain = trained("regular", OPTIMIZERS["adam"](), compiled=False)
    before = hl.get_num_threads()
    hl.set_num_threads(threads)
    try:
        found = trained("regular", OPTIMIZERS["adam"](), compiled=True)
    finally:
        hl.set_num_threads(before)
    assert agree(plain, found)


def test_python_runs_once_for_each_kind_of_arguments() -> None:
    seen = []

    @hl.compile
    def double(x: Any, scale: float = 2.0, more: Any = ()) -> Any:
        seen.append(x.shape)
        return x * scale + sum(more)

    ones = np.ones(3, np.float32)
    assert np.asarray(double(ones)).tolist() == [2.0, 2.0, 2.0]
    assert np.asarray(double(ones * 2)).tolist() == [4.0, 4.0, 4.0]
    assert seen == [(3,)]
    double(np.ones((2, 2), np.float32))
    assert double(ones.astype(np.float64)).dtype == np.float64
    assert np.asarray(double(ones, scale=3.0)).tolist() == [3.0, 3.0, 3.0]
    assert np.asarray(double(ones, more=[ones, ones[::-1]])).tolist() == [4.0, 4.0, 4.0]
    assert len(seen) == 5
    double(ones)
    assert len(seen) == 5


def test_the_last_recordings_are_kept() -> None:
    seen = []

    @hl.compile
    def total(x: Any) -> Any:
        seen.append(len(x))
        return ops.sum(x)

    for n in [*range(1, 12), 11, 1]:
        assert float(total(np.ones(n))) == n
    assert seen == [*range(1, 12), 1]


def test_arguments_may_be_nested_strided_and_empty() -> None:
    @hl.compile
    def step(data: Any) -> Any:
        return {"sum": data["a"][0] + data["b"], "none": None, "text": "x"}

    a = np.arange(12.0).reshape(3, 4)
    for view in (a, a[:, ::-1], np.asfortranarray(a)):
        for _ in range(2):
            found = step({"a": [view], "b": a})
            assert np.array_equal(found["sum"], view + a)
            assert (found["none"], found["text"]) == (None, "x")
    assert step({"a": [a[:0]], "b": a[:0]})["sum"].shape == (0, 4)


def test_answers_are_copies_and_keep_their_kind() -> None:
    w = np.array([1.0, 2.0])

    @hl.compile
    def step(x: Any) -> Any:
        with hl.GradientTape() as tape:
            tape.watch(w)
            loss = ops.sum(w * x)
        return loss, tape.gradient(loss, w), x

    first = step(np.array([1.0, 1.0]))
    second = step(np.array([5.0, 5.0]))
    assert isinstance(first[0], hl.Tensor)
    assert isinstance(first[1], np.ndarray)
    assert (float(first[0]), float(second[0])) == (3.0, 15.0)
    assert first[1].tolist() == [1.0, 1.0]
    second[1][...] = 0
    assert step(np.array([2.0, 3.0]))[1].tolist() == [2.0, 3.0]


VALUES: dict[str, tuple[Any, str]] = {
    "if": (lambda t: 1 if t > 1 else 0, "truth of a tensor"),
    "float": (float, r"float\(tensor\)"),
    "int": (int, r"int\(tensor\)"),
    "numpy": (lambda t: t.numpy(), r"\.numpy\(\)"),
    "item": (lambda t: t.item(), r"\.item\(\)"),
    "tolist": (lambda t: t.tolist(), r"\.tolist\(\)"),
    "data": (lambda t: t.data, r"\.data"),
    "asarray": (np.asarray, "NumPy array"),
    "format": (lambda t: f"{t:.3f}", "formatting"),
    "index": (lambda t: [1, 2][t], "index or a count"),
    "numpy function": (np.sort, "numpy.sort"),
    "numpy ufunc": (np.spacing, "numpy.spacing"),
    "cond": (lambda t: ops.cond(t > 0, lambda: t, lambda: -t), r"\.data|truth"),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_depends_on_values_is_refused_by_name_and_line(name: str) -> None:
    look, what = VALUES[name]
    w = np.array([1.0, 2.0])
    optimizer = hl.optimizers.SGD(0.5)

    @hl.compile
    def step(x: Any) -> Any:
        with hl.GradientTape() as tape:
            tape.watch(w)
            loss = ops.sum(w * x)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        look(loss)
        return loss

    with pytest.raises(TypeError, match=what) as error:
        step(np.ones(2))
    text = str(error.value)
    assert "test_compile.py, line" in text
    assert len(text) < 400
    # Whole or not at all.
    assert (w.tolist(), optimizer.iterations) == ([1.0, 2.0], 0)


def test_a_shape_that_depends_on_values_is_refused_when_it_changes() -> None:
    @hl.compile
    def step(x: Any) -> Any:
        return ops.sum(x[np.array([True, False])])

    assert float(step(np.array([2.0, 3.0]))) == 2.0
    assert float(step(np.array([4.0, 3.0]))) == 4.0


def test_numbers_from_outside_are_part_of_the_recording() -> None:
    factor, seen = 2.0, []

    class Holder:
        rate = 1.0

        @hl.compile
        def step(self, x: Any) -> Any:
            seen.append(factor)
            return x * factor + self.rate

    holder = Holder()
    holder.rate = 1.0
    assert float(holder.step(np.array(1.0))) == 3.0
    factor = 5.0
    assert float(holder.step(np.array(1.0))) == 6.0
    holder.rate = 2.0
    assert float(holder.step(np.array(1.0))) == 7.0
    factor, holder.rate = 2.0, 1.0
    assert float(holder.step(np.array(1.0))) == 3.0
    assert len(seen) == 3


def test_a_number_that_the_step_changes_itself_is_refused() -> None:
    count = 0

    @hl.compile
    def step(x: Any) -> Any:
        nonlocal count
        count += 1
        return x

    with pytest.raises(TypeError, match="changes 'count'"):
        step(np.ones(1))


def test_random_numbers_of_numpy_are_refused() -> None:
    with pytest.raises(TypeError, match=r"hotloop\.random"):
        hl.compile(lambda x: x + np.random.normal(size=3))(np.ones(3))  # noqa: NPY002


def test_draws_differ_in_each_run_and_follow_the_seed() -> None:
    draw = hl.compile(lambda: hl.random.normal((3,)))
    hl.random.set_seed(5)
    found = [draw().numpy().tolist() for _ in range(3)]
    hl.random.set_seed(5)
    assert found == [hl.random.normal((3,)).tolist() for _ in range(3)]
    assert found[0] != found[1] != found[2]


def test_arrays_and_tensors_from_outside_are_read_in_each_run() -> None:
    a, t = np.array([1.0, 2.0]), hl.Tensor([3.0, 4.0])
    step = hl.compile(lambda x: x * a + t)
    ones = np.ones(2)
    assert np.asarray(step(ones)).tolist() == [4.0, 6.0]
    a[0], t.data[1] = 10.0, 0.0
    assert np.asarray(step(ones)).tolist() == [13.0, 2.0]
    t.data = np.array([7.0, 7.0])
    assert np.asarray(step(ones)).tolist() == [17.0, 9.0]


def test_bad_labels_leave_everything_as_it_was() -> None:
    for seen in (0, 2):
        model, step = the_step("regular", hl.optimizers.Adam(0.1))
        run = hl.compile(step)
        batches = the_batches()
        for x, y in batches[:seen]:
            run(x, y)
        weights, state = model.get_weights(), hl.random.get_state()
        metric = copy.deepcopy(run(*batches[0])["accuracy"]) if seen else None
        weights = model.get_weights() if seen else weights
        state = hl.random.get_state() if seen else state
        bad = batches[3][1].copy()
        bad[2] = 9
        with pytest.raises(ValueError, match="9"):
            run(batches[3][0], bad)
        assert agree([weights], [model.get_weights()])
        if seen:
            assert hl.random.get_state() == state
            assert metric is not None


def test_an_error_in_python_after_the_update_gives_the_weights_back() -> None:
    class Failing(hl.metrics.Metric):
        fails = False

        def update_state(self, *_: Any, **__: Any) -> None:
            self.total += 1.0
            if Failing.fails:
                msg = "planted"
                raise OSError(msg)

    model = the_model("regular")
    optimizer, metric = hl.optimizers.Adam(0.1), Failing()

    @hl.compile
    def step(x: Any, y: Any) -> Any:
        with hl.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True)))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        metric.update_state(y, model(x))
        return loss

    x, y = the_batches()[0]
    step(x, y)
    before, slots = model.get_weights(), copy.deepcopy(optimizer.slot_values())
    Failing.fails = True
    with pytest.raises(OSError, match="planted"):
        step(x, y)
    assert agree([before], [model.get_weights()])
    after = optimizer.slot_values()
    assert all(np.array_equal(slots[s][k], after[s][k]) for s in slots for k in slots[s])
    assert (optimizer.iterations, metric.total) == (1, 1.0)


def test_define_by_run_with_gradients_that_are_cleared_and_weights_changed_in_place() -> None:
    def run(compiled: bool) -> Any:
        w = hl.Tensor(np.array([1.0, -2.0, 3.0]), requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            ((w * x) ** 2).sum().backward()
            (w * x).sum().backward()
            w.data -= 0.1 * w.grad  # type: ignore[operator]
            return w.grad

        go = hl.compile(step) if compiled else step
        rng = np.random.default_rng(1)
        found = [np.asarray(go(hl.Tensor(rng.normal(size=3)))).tolist() for _ in range(4)]
        return found, w.data.tolist(), None if w.grad is None else w.grad.tolist()

    assert run(compiled=True) == run(compiled=False)


def test_replacing_data_is_refused() -> None:
    w = hl.Tensor([1.0], requires_grad=True)

    @hl.compile
    def step(x: Any) -> None:
        w.data = w.data - x

    with pytest.raises(TypeError, match=r"replaces the \.data"):
        step(np.ones(1))


def test_two_optimizers_and_one_that_steps_twice() -> None:
    def run(compiled: bool) -> Any:
        a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
        first, second = hl.optimizers.Adam(0.1), hl.optimizers.RMSprop(0.2)

        def step(x: Any) -> Any:
            for _ in range(2):
                with hl.GradientTape() as tape:
                    tape.watch([a, b])
                    loss = ops.sum(ops.square(a * x + b))
                da, db = tape.gradient(loss, [a, b])
                first.apply_gradients([(da, a)])
            second.apply_gradients([(db, b)])
            return loss

        go = hl.compile(step) if compiled else step
        for i in range(3):
            go(hl.Tensor(np.array([1.0, 0.5 * i])))
        return a.tolist(), b.tolist(), first.iterations, second.iterations

    assert run(compiled=True) == run(compiled=False)


def test_a_step_is_recorded_again_when_a_layer_or_the_weights_change() -> None:
    model = the_model("regular")
    run = hl.compile(lambda x: model(x, training=True))
    x = the_batches()[0][0]
    run(x)
    model.layers[1].rate = 0.0
    hl.random.set_seed(1)
    plain = np.asarray(model(x, training=True))
    assert np.asarray(run(x)).tobytes() == plain.tobytes()
    model.relayout()
    model.trainable_variables[0].assign(model.get_weights()[0] * 2)
    assert np.asarray(run(x)).tobytes() == np.asarray(model(x, training=True)).tobytes()


def test_variables_are_assigned_in_each_run() -> None:
    model = the_model("softmax")
    average = the_model("softmax")

    @hl.compile
    def follow(rate: Any) -> None:
        for mine, theirs in zip(average.weights, model.weights, strict=True):
            mine.assign(mine * (1.0 - rate) + theirs * rate)

    for w in model.weights:
        w.assign(np.ones(w.shape, np.float32))
    before = average.get_weights()
    for _ in range(2):
        follow(np.float32(0.5))
    for old, new in zip(before, average.get_weights(), strict=True):
        assert np.allclose(new, old * 0.25 + 0.75, atol=1e-6)


def test_own_layers_and_gradients_of_ones_own_run_in_python() -> None:
    class Scale(hl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight("scale", (input_shape[-1],), "ones")

        def forward(self, x: Any, cache: Any, training: bool) -> Any:  # noqa: ARG002
            cache.x = x
            return x * self.scale

        def backward(self, dy: Any, cache: Any) -> Any:
            cache.grad("scale")[...] = (dy * cache.x).sum(axis=0)
            return dy * self.scale

    @ops.custom_gradient
    def clipped(x: Any) -> Any:
        return ops.clip(x, -1.0, 1.0), lambda upstream: upstream

    def run(compiled: bool) -> Any:
        hl.random.set_seed(1)
        model = hl.Sequential([hl.Input((12,)), Scale(), hl.layers.Dense(4)])
        optimizer = hl.optimizers.SGD(0.1)

        def step(x: Any) -> Any:
            with hl.GradientTape() as tape:
                loss = ops.mean(ops.square(clipped(model(x))))
            weights = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return loss

        go = hl.compile(step) if compiled else step
        found = [[np.asarray(go(x))] for x, _ in the_batches()]
        return [*found, model.get_weights()]

    assert agree(run(compiled=False), run(compiled=True))


class OwnLoss(hl.losses.Loss):
    """A loss over operations: in a recorded step it is these operations."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(ops.tanh(y_true - y_pred)), axis=-1)


def test_losses_of_ones_own_and_weights_of_samples_are_recorded() -> None:
    def run(compiled: bool) -> Any:
        model, optimizer = the_model("softmax"), hl.optimizers.SGD(0.5)
        own, weighed = OwnLoss(), hl.losses.MeanSquaredError()

        def step(x: Any, y: Any, w: Any) -> Any:
            with hl.GradientTape() as tape:
                p = model(x, training=True)
                loss = own(y, p) + weighed(y, p, w) + hl.losses.Huber()(y, p)
            weights = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return loss

        go = hl.compile(step) if compiled else step
        rng = np.random.default_rng(6)
        found = []
        for x, y in the_batches():
            rows, w = np.eye(4, dtype=np.float32)[y], rng.random(6).astype(np.float32)
            found.append([np.asarray(go(x, rows, w))])
        return [*found, model.get_weights()]

    assert agree(run(compiled=False), run(compiled=True))


def test_a_signal_in_a_python_part_leaves_the_step_undone() -> None:
    class Slow(hl.metrics.Metric):
        def update_state(self, *_: Any, **__: Any) -> None:
            if self.total:
                signal.raise_signal(signal.SIGINT)
            self.total += 1.0

    model, optimizer, metric = the_model("softmax"), hl.optimizers.Adam(0.1), Slow()

    @hl.compile
    def step(x: Any, y: Any) -> Any:
        with hl.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True)))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        metric.update_state(y, model(x))
        return loss

    x, y = the_batches()[0]
    step(x, y)
    before = model.get_weights()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            step(x, y)
        assert agree([before], [model.get_weights()])
        assert (optimizer.iterations, metric.total) == (1, 1.0)
    metric.reset_state()
    step(x, y)
    assert optimizer.iterations == 2


class Stepper(hl.Sequential):
    """A model whose `train_step` records itself."""

    @hl.compile
    def train_step(self, data: Any) -> Any:
        x, y = data
        with hl.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss}


class PlainStepper(hl.Sequential):
    """The same, call by call."""

    def train_step(self, data: Any) -> Any:
        return Stepper.train_step._function(self, data)


def test_a_train_step_of_ones_own_trains_as_the_plain_one() -> None:
    def run(cls: Any) -> Any:
        hl.random.set_seed(4)
        model = cls([hl.Input((12,)), hl.layers.Dense(8, "relu"), hl.layers.Dense(4)])
        loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(hl.optimizers.Adam(0.01), loss)
        x = np.concatenate([x.numpy() for x, _ in the_batches()])
        y = np.concatenate([y for _, y in the_batches()])
        history = model.fit(x, y, batch_size=7, epochs=3, verbose=0).history
        return history["loss"], model

    (plain, _), (recorded, model) = run(PlainStepper), run(Stepper)
    assert plain == recorded
    other = copy.deepcopy(model)
    assert other.count_params() == model.count_params()
    again = pickle.loads(pickle.dumps(model))
    assert agree([again.get_weights()], [model.get_weights()])


def test_inside_a_tape_and_for_tensors_with_a_history_the_function_runs_as_it_is() -> None:
    square = hl.compile(lambda x: ops.sum(x * x))
    t = hl.Tensor([1.0, 2.0], requires_grad=True)
    square(t * 1.0).backward()
    assert t.grad is not None
    assert t.grad.tolist() == [2.0, 4.0]
    w = np.array([3.0])
    with hl.GradientTape() as tape:
        tape.watch(w)
        y = square(ops.copy(w))
    assert tape.gradient(y, w).tolist() == [6.0]
    outer = hl.compile(lambda x: square(x) + 1.0)
    assert [float(outer(np.array([i]))) for i in (1.0, 2.0)] == [2.0, 5.0]


def test_only_functions_are_taken() -> None:
    with pytest.raises(TypeError, match="takes a function, got int"):
        hl.compile(3)  # type: ignore[arg-type]
    step = hl.compile(len)
    assert hl.compile(step) is step


def test_a_layer_without_inputs_draws_anew_in_each_run() -> None:
    x = hl.Input((3,))
    model = hl.Model(x, hl.layers.Dense(2)(x) + hl.random.normal((None, 2)))
    step = hl.compile(lambda t: ops.sum(model(t)))
    t = hl.Tensor(np.ones((4, 3), np.float32))
    assert len({float(step(t)) for _ in range(4)}) == 4
    state = hl.random.get_state()
    want = float(step(t))
    hl.random.set_state(state)
    assert float(ops.sum(model(t))) == pytest.approx(want, rel=1e-6)
