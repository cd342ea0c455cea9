"""What an optimizer is: hyperparameters, a count of steps, and slots that live beside weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar
from weakref import ReferenceType

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop._support.arguments import number
from hotloop._support.describing import Described
from hotloop._support.quoting import quoted
from hotloop._support.watched import Watched, settings_of
from hotloop.autodiff.rule import mode
from hotloop.data.targets import as_array, refuse_masked
from hotloop.optimizers import schedules
from hotloop.optimizers.clipping import RULES, Clipping, rule_of
from hotloop.parameters import ArrayDict, Layout, Weight, aligned_zeros

Array = NDArray[Any]
# A number, or a one-element array that a recorded step reads at each run.
Scalar = Any


_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "ema_momentum": (0.99,),
    "ema_overwrite_frequency": (None,),
    "gradient_accumulation_steps": (None,),
    "loss_scale_factor": (None,),
    "use_ema": (False,),
}


class FlatSlots:
    """Slots of a whole model: flat twins of its trainable weights, and where each name lies."""

    def __init__(self, params: ArrayDict, layout: Layout, flat: dict[str, Array]) -> None:
        self.params = params
        self.layout = layout
        self.flat = flat

    def named(self) -> dict[str, dict[str, Array]]:
        """Return live views, slot by slot, name by name."""
        return {slot: dict(self.layout.views(array)) for slot, array in self.flat.items()}


def _holds_arrays(value: Any) -> bool:
    """Say whether `value` is what PyTorch's optimizers start with: weights, or an iterator over them."""
    if isinstance(value, Iterator):
        return True
    parts = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, Mapping | list | tuple) and any(
        isinstance(w, np.ndarray) for w in parts
    )


class Optimizer(Described, Watched):
    """Base of all optimizers.

    A subclass lists its `slots` and writes `update_one`, which changes one array in place.

    An optimizer trains one model: it counts steps, and its slots belong to that model's weights.
    A second model is refused, as Keras refuses it; give each an optimizer of its own, such as
    ``type(optimizer).from_config(optimizer.get_config())``.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Step size. A number may be changed at any time; a schedule is asked before each step with
        the number of steps taken so far, a plain function without it.
    weight_decay : float, optional
        Decoupled decay: each step first takes ``learning_rate * weight_decay * w`` off.
    clipnorm : float, optional
        Each gradient array longer than this is scaled to it.
    clipvalue : float, optional
        Each element is brought into ``[-clipvalue, clipvalue]``.
    global_clipnorm : float, optional
        All gradients are scaled by one factor when they are longer than this together.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        For numbers out of range, and more than one kind of clipping.
    """

    # Steps count the first, and read the arrays.
    live = frozenset({"iterations", "learning_rate", "lr_array", "step_array"})
    # Name of each slot and the value it starts with.
    slots: ClassVar[Mapping[str, float]] = {}

    _always_shown = ("learning_rate",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        # What Keras's optimizers take beside, in the form in which it does nothing.
        for key, value in others.items():
            if key not in _WITHOUT_EFFECT:
                msg = f"{type(self).__name__}: there is no argument {key!r}"
                raise TypeError(msg)
            if value not in _WITHOUT_EFFECT[key]:
                msg = f"{type(self).__name__}: {key} is not supported, got {quoted(value)}"
                raise ValueError(msg)
        self.name = name or type(self).__name__.lower()
        # Live scalars of recorded steps.
        self.lr_array = np.zeros(1, np.float64)
        self.step_array = np.zeros(1, np.float64)
        self.iterations = 0
        if _holds_arrays(learning_rate):
            msg = (
                f"{type(self).__name__}: learning_rate must be a number or a schedule, got "
                f"{quoted(learning_rate, 100)}: weights are given to update(params, grads), or to a "
                "model by compile"
            )
            raise TypeError(msg)
        if isinstance(learning_rate, dict):
            learning_rate = schedules.deserialize(learning_rate)
        self._schedule: Callable[..., Any] | None = None
        if callable(learning_rate):
            self._schedule = learning_rate
        else:
            self.learning_rate = learning_rate
        self.clipping = Clipping(type(self).__name__, clipnorm, clipvalue, global_clipnorm)
        given = 0.0 if weight_decay is None or weight_decay is False else weight_decay
        self.weight_decay = number(
            type(self).__name__, "weight_decay", given, "not be negative", lambda w: w >= 0.0
        )
        self._named: dict[str, dict[str, Array]] = {}
        self._flat: FlatSlots | None = None
        # Whose slots they are, by key: weights of a model, or arrays that `update` was given.
        self._owners: dict[str, Weight | Array] = {}
        self._model: ReferenceType[Any] | None = None
        # Keys of what `apply_gradients` was given, which is kept so that its id stays its own.
        self._keys: dict[int, tuple[str, Any]] = {}

    clipnorm = rule_of("clipnorm")
    clipvalue = rule_of("clipvalue")
    global_clipnorm = rule_of("global_clipnorm")

    # -- what subclasses write ---------------------------------------------------------------

    def update_one(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: Scalar, step: Scalar
    ) -> None:
        """Update `param` and `slots` in place; `step` counts from 1."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this optimizer again."""
        rate: Any = self.learning_rate
        if self._schedule is not None:
            rate = schedules.serialize(self._schedule)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            **{rule: self.clipping.limit_of(rule) for rule in RULES},
        }

    @property
    def has_schedule(self) -> bool:
        """Whether a schedule or a function says the learning rate."""
        return self._schedule is not None

    @property
    def recordable(self) -> bool:
        """Whether `update_one` is a call of the core, so that a recorded step may hold it."""
        return self.builtin

    # -- what everybody uses -----------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """Step size of the next step; a ValueError refuses a negative one.

        Raises
        ------
        TypeError
            When a schedule says it and it is set all the same.
        """
        if self._schedule is not None:
            self.lr_array[0] = self._scheduled(self.iterations)
        return float(self.lr_array[0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if self._schedule is not None:
            msg = f"{self.name}: a schedule says the learning rate, so it cannot be set"
            raise TypeError(msg)
        self.lr_array[0] = self.checked_rate(value)

    def checked_rate(self, value: Any) -> float:
        """Return a learning rate as a float; a ValueError refuses a negative one, NaN and no number."""
        return number(
            type(self).__name__, "learning_rate", value, "not be negative", lambda rate: rate >= 0.0
        )

    def begin_step(self, ahead: int = 0) -> None:
        """Let the live scalars of recorded steps say what the next step needs.

        `ahead` counts the updates before it that are not counted yet.
        """
        self.step_array[0] = self.iterations + ahead + 1
        if self._schedule is not None:
            self.lr_array[0] = self._scheduled(self.iterations + ahead)

    def _scheduled(self, iterations: int) -> Any:
        assert self._schedule is not None
        return self._schedule(*((iterations,) if _takes_step(self._schedule) else ()))

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Take one step, in place, on any dict of float arrays.

        Parameters
        ----------
        params : mapping of str to ndarray
            Changed in place. Slots are kept by key, for one array a key.
        grads : mapping of str to array_like
            At least the keys of `params`, same shapes.

        Raises
        ------
        ValueError
            When a gradient is missing or has another shape, a parameter is read-only, or the
            slots of its key belong to another array.
        TypeError
            When a parameter is no float32 or float64 array.

        Examples
        --------
        >>> import numpy as np
        >>> import hotloop as hl
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> hl.optimizers.SGD(0.5).update(params, {"w": np.array([1.0, 1.0])})
        >>> params["w"]
        array([0.5, 1.5])
        """
        if not hasattr(params, "items") or not hasattr(grads, "items"):
            msg = f"update: dicts of arrays are needed, got {quoted(params)} and {grads!r}"
            raise TypeError(msg)
        if mode.recorder is not None:
            self._record(mode.recorder, params, grads)
            return
        flat = getattr(params, "flat", None)
        flat_grads = getattr(grads, "flat", None)
        if flat is not None and flat_grads is not None and list(params) == list(grads):
            slots = self.flat_slots(params)  # type: ignore[arg-type]
            if self.clipping:
                clipped = twin(slots.layout, flat_grads)
                self.clipping.apply(grads, clipped)
                flat_grads = clipped.flat
            self._step([(flat, flat_grads, slots.flat)])
        else:
            checked = [(key, *_checked(key, params, grads)) for key in params]
            self._own_arrays(params)
            if self.clipping:
                copies = {key: np.array(grad, _working_dtype(p)) for key, p, grad in checked}
                self.clipping.apply(copies, copies)
                checked = [(key, param, copies[key]) for key, param, _ in checked]
            self._step([(p, grad, self._slots_for(key, p)) for key, p, grad in checked])

    def _step(self, todo: list[tuple[Array, Array, dict[str, Array]]]) -> None:
        """Update arrays, and count the step, by one call that nothing can interrupt."""
        rest = self.learning_rate, float(self.iterations + 1)
        calls: list[tuple[Any, ...]] = []
        copies: list[Callable[[], object]] = []
        for param, grad, slots in todo:
            arrays = [param, *slots.values()]
            work = arrays
            if not _is_direct(param):
                dtype = _working_dtype(param)
                work = [np.array(array, dtype=dtype, order="C") for array in arrays]
                copies += [
                    partial(a.__setitem__, ..., w) for a, w in zip(arrays, work, strict=True)
                ]
            given = np.require(grad, work[0].dtype, ["C", "A"])
            calls.append((work[0], given, dict(zip(slots, work[1:], strict=True)), *rest))
        if self.recordable:
            plan = _core.Plan()
            with plan.recording():
                for call in calls:
                    self.update_one(*call)
            _core.run_whole((plan, *copies), (), self)
        else:
            saved = [array for param, _, slots, *_ in calls for array in (param, *slots.values())]
            applied = (partial(self.update_one, *call) for call in calls)
            _core.run_whole((*applied, *copies), tuple(saved), self)

    def _record(self, recorder: Any, params: Mapping[str, Array], grads: Mapping[str, Any]) -> None:
        """Append one step to a recording: the core's calls, or `update_one` in Python."""
        arrays = {key: recorder.live(grad) for key, grad in grads.items()}
        for key, param in params.items():
            _checked(key, params, arrays)
            if not _is_direct(param):
                msg = (
                    f"compile: {type(self).__name__} cannot update {key!r} in a recorded step: it "
                    f"must be C-contiguous float32 or float64, got {param.dtype}"
                )
                raise TypeError(msg)
        self._own_arrays(params)
        slots = {key: self._slots_for(key, param) for key, param in params.items()}
        for name in ("_flat", "_named", "clipping"):
            recorder.guard(self, name)
        recorder.uses(self)
        ahead = sum(owner is self for owner in recorder.counted)
        recorder.counted.append(self)
        scalars = [self.lr_array, self.step_array]
        recorder.do(partial(self.begin_step, ahead), [], scalars)
        given = {key: recorder.cast(arrays[key], params[key].dtype) for key in params}
        if self.clipping:
            copies = {key: np.array(grad) for key, grad in given.items()}
            before = given

            def clip() -> None:
                for key, grad in before.items():
                    copies[key][...] = grad
                self.clipping.apply(copies, copies)

            recorder.do(clip, list(before.values()))
            given = copies
        given = {key: recorder.contiguous(grad) for key, grad in given.items()}
        changed = [a for key, param in params.items() for a in (param, *slots[key].values())]

        def update(_: Any, *read: Array) -> tuple[()]:
            rest: tuple[Any, Any] = self.lr_array, self.step_array
            if not self.recordable:
                rest = float(self.lr_array[0]), float(self.step_array[0])
            for (key, param), grad in zip(params.items(), read, strict=True):
                self.update_one(param, grad, slots[key], *rest)
            return ()

        how = "core" if self.recordable else "python"
        recorder.step(
            update, None, list(given.values()), how, recorder.changes(*changed), ends=how == "core"
        )

    def apply_gradients(self, grads_and_vars: Any) -> None:
        """Take one step on pairs of gradients and variables, as in Keras.

        Parameters
        ----------
        grads_and_vars : iterable of (array_like or None, ndarray)
            Gradients, as `GradientTape.gradient` answers them, and ``model.trainable_variables``
            or other live float arrays. Pairs without a gradient are left out.

        Raises
        ------
        ValueError
            When no pair has a gradient, or a gradient has another shape.

        Examples
        --------
        >>> import numpy as np
        >>> import hotloop as hl
        >>> w = np.array([1.0, 2.0])
        >>> hl.optimizers.SGD(0.5).apply_gradients([(np.array([1.0, 1.0]), w)])
        >>> w
        array([0.5, 1.5])
        """
        pairs = [(grad, variable) for grad, variable in grads_and_vars if grad is not None]
        if not pairs:
            msg = "apply_gradients: no variable has a gradient; was the loss computed in the tape's block?"
            raise ValueError(msg)
        params, grads = _Named(), {}
        for grad, variable in pairs:
            weight = getattr(variable, "weight", None)
            owner = variable if weight is None else weight
            key = self._keys.setdefault(id(owner), (f"variable_{len(self._keys)}", owner))[0]
            params[key] = variable if weight is None else weight.value
            if weight is not None:
                params.weights[key] = weight
            grads[key] = grad if mode.recorder is not None else np.asarray(grad)
        self.update(params, grads)

    def apply(self, grads: Any, trainable_variables: Any) -> None:
        """Take one step; see `apply_gradients`."""
        self.apply_gradients(zip(grads, trainable_variables, strict=True))

    def _own_arrays(self, params: Mapping[str, Array]) -> None:
        """Take arrays as those that the slots belong to; a ValueError when they are others."""
        if not self.slots and self._schedule is None:
            return  # nothing is remembered
        new: dict[str, Weight | Array] = {**params, **getattr(params, "weights", {})}
        for key, owner in new.items():
            if key in self._owners and not _is_same(self._owners[key], owner):
                msg = (
                    f"update: {key!r} is another array than before, but {type(self).__name__} "
                    "remembers what it did to that one; use a new optimizer for each set of "
                    "arrays, other keys, or copy values into the old array: "
                    f"params[{key!r}][...] = values"
                )
                raise ValueError(msg)
        self._owners.update(new)

    def _own_weights(self, params: ArrayDict) -> list[str]:
        """Take a model's weights as those that are trained; a ValueError for another model's.

        The same model may bring other weights, such as unfrozen ones; the keys of those that took
        the place of others are returned. Another model over weights that are known is welcome.
        """
        owners, weights = self._owners, params.weights
        model = None if params.model is None else params.model()
        known = [_is_same(owners[key], weight) for key, weight in weights.items() if key in owners]
        same = self._model is not None and model is not None and self._model() is model
        if owners and not same and not (len(known) == len(weights) and all(known)):
            kind = type(self).__name__
            msg = (
                f"{kind} {self.name!r}: this optimizer trains another model already, of weights "
                f"{list(owners)[:3]}; compile each model with its own, such as "
                f"{kind}.from_config(optimizer.get_config())"
            )
            raise ValueError(msg)
        replaced = [key for key, w in weights.items() if not _is_same(owners.get(key, w), w)]
        owners.update(weights)
        self._model = params.model
        return replaced

    def _slots_for(self, key: str, param: Array) -> dict[str, Array]:
        """Return the slots of one key, made when first asked for."""
        if self._flat is not None and key in self._flat.layout.offsets:
            named = self._flat.named()
            found = {slot: views[key] for slot, views in named.items()}
        else:
            found = self._named.get(key, {})
        fits = all(a.shape == param.shape and a.dtype == param.dtype for a in found.values())
        if (found or not self.slots) and fits:
            return found
        made = {
            slot: np.full(param.shape, start, param.dtype) for slot, start in self.slots.items()
        }
        self._named[key] = made
        return made

    def flat_slots(self, params: ArrayDict) -> FlatSlots:
        """Return slots as flat twins of a model's trainable weights, made when first asked for.

        Values that exist under the same keys and shapes are taken over.
        """
        flat = params.flat
        known = self._flat
        if known is not None and known.params is params:
            return known
        replaced = self._own_weights(params)
        shapes = {name: value.shape for name, value in params.items()}
        if (
            known is not None
            and not replaced
            and known.layout.shapes == shapes
            and list(known.layout.names) == list(shapes)
            and all(array.dtype == flat.dtype for array in known.flat.values())
        ):
            known.params = params
            return known
        old = self.slot_values()
        layout = Layout(shapes, flat.dtype.itemsize)
        twins = {slot: aligned_zeros(layout.size, flat.dtype) for slot in self.slots}
        made = FlatSlots(params, layout, twins)
        for slot, views in made.named().items():
            for name, view in views.items():
                value = None if name in replaced else old.get(slot, {}).get(name)
                fits = value is not None and value.shape == view.shape
                view[...] = value if fits else self.slots[slot]
        self._flat = made
        for name in shapes:
            self._named.pop(name, None)
        return made

    def slot_values(self) -> dict[str, dict[str, Array]]:
        """Return live slots: slot by slot, key by key."""
        values: dict[str, dict[str, Array]] = {slot: {} for slot in self.slots}
        for key, slots in self._named.items():
            for slot, array in slots.items():
                values[slot][key] = array
        if self._flat is not None:
            for slot, views in self._flat.named().items():
                values[slot].update(views)
        return values

    def set_slot_values(self, values: Mapping[str, Mapping[str, Array]]) -> None:
        """Replace all slots by copies of `values`."""
        self._flat = None
        self._named, self._owners, self._model, self._keys = {}, {}, None, {}
        for slot, arrays in values.items():
            for key, array in arrays.items():
                self._named.setdefault(key, {})[slot] = np.array(array)

    def _settings(self) -> Any:
        return (super()._settings(), settings_of(self.clipping))

    def __getstate__(self) -> dict[str, Any]:
        """Return everything, slots as plain named arrays."""
        state = dict(vars(self))
        state["_flat"], state["_owners"], state["_model"], state["_keys"] = None, {}, None, {}
        state["lr_array"], state["step_array"] = self.lr_array.copy(), self.step_array.copy()
        named = self.slot_values()
        keys = dict.fromkeys(key for arrays in named.values() for key in arrays)
        state["_named"] = {
            key: {slot: np.array(arrays[key]) for slot, arrays in named.items()} for key in keys
        }
        return state

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Make an optimizer from the result of `get_config`."""
        return cls(**config)


class _Named(dict[str, Array]):
    """Arrays by key, and the weights that some of them belong to."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, Weight] = {}


def twin(layout: Layout, like: Array) -> ArrayDict:
    """Return named views of new zeros, laid out as `layout`, in the dtype of `like`."""
    flat = aligned_zeros(layout.size, like.dtype)
    return ArrayDict(layout.views(flat), flat)


def _is_same(a: Weight | Array, b: Weight | Array) -> bool:
    """Whether two are one weight, or views of the same memory."""
    if a is b:
        return True
    v, w = (x.value if isinstance(x, Weight) else x for x in (a, b))
    return v is w or (
        v.shape == w.shape
        and v.dtype == w.dtype
        and v.strides == w.strides
        and v.ctypes.data == w.ctypes.data
    )


def _takes_step(schedule: Callable[..., Any]) -> bool:
    """Keras calls a plain function without the step, a schedule with it."""
    return isinstance(schedule, schedules.LearningRateSchedule)


def _working_dtype(param: Array) -> Any:
    return np.float64 if param.itemsize == 8 else np.float32


def _checked(key: str, params: Mapping[str, Array], grads: Mapping[str, Any]) -> tuple[Array, Any]:
    """Return one parameter and its gradient; nothing is updated before all are checked."""
    param = params[key]
    if not isinstance(param, np.ndarray) or param.dtype.kind != "f" or param.dtype.itemsize > 8:
        kind = param.dtype if isinstance(param, np.ndarray) else type(param).__name__
        msg = f"update: params[{key!r}] must be an array of floats to change in place, got {kind}"
        raise TypeError(msg)
    if not param.flags.writeable:
        msg = f"update: params[{key!r}] is read-only"
        raise ValueError(msg)
    if key not in grads:
        msg = f"update: grads has no {key!r}; it has {sorted(grads)}"
        raise ValueError(msg)
    refuse_masked("update", f"params[{key!r}]", param)
    grad = as_array("update", f"grads[{key!r}]", grads[key])
    if grad.shape != param.shape:
        msg = f"update: params[{key!r}] has shape {param.shape}, its gradient {grad.shape}"
        raise ValueError(msg)
    return param, grad


def _is_direct(param: Array) -> bool:
    """Whether the core takes an array as it stands: not strided, byte-swapped or half."""
    flags = param.flags
    plain = flags.c_contiguous and flags.aligned and param.dtype.isnative
    return plain and param.itemsize >= 4
