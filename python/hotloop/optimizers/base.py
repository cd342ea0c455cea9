"""What an optimizer is: hyperparameters, a count of steps, and slots that live beside weights."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop._support.arguments import number, whole
from hotloop._support.describing import Described
from hotloop._support.quoting import quoted
from hotloop._support.watched import Watched, settings_of
from hotloop.autodiff.rule import mode
from hotloop.optimizers import schedules
from hotloop.optimizers.arrays import (
    FlatSlots,
    Named,
    checked,
    holds_arrays,
    is_direct,
    twin,
    working_dtype,
)
from hotloop.optimizers.averaging import AVERAGE, Work, average, gathered
from hotloop.optimizers.clipping import RULES, Clipping, rule_of
from hotloop.optimizers.rate import LearningRate
from hotloop.optimizers.recording import record
from hotloop.optimizers.slots import SlotOwner
from hotloop.parameters import ArrayDict, Weight

Array = NDArray[Any]
# A number, or a one-element array that a recorded step reads at each run.
Scalar = Any
_NONE: tuple[frozenset[int], str] = (frozenset(), "")


class Optimizer(SlotOwner, Described, Watched):
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
    use_ema : bool
        Whether a moving average of the weights is kept, which takes their place when `fit` ends.
    ema_momentum : float
        Share of the average that a step keeps, in [0, 1].
    ema_overwrite_frequency : int, optional
        After so many updates each, the averages take the place of the weights during training too.
    loss_scale_factor : float, optional
        Accepted as Keras does; gradients are computed in float32 or float64, which need no scaling.
    gradient_accumulation_steps : int, optional
        From 2 on: one update for so many batches, by the mean of their gradients. `iterations` counts
        batches.
    name : str, optional
        Shown in descriptions.
    **others
        ``decay``, which Keras 3 ignores with a warning.

    Raises
    ------
    ValueError
        For numbers out of range, and more than one kind of clipping.
    """

    # Steps count the first, and read the arrays.
    live = frozenset({"iterations", "learning_rate", "lr_array", "step_array"})
    # Whether the equations look at each weight as a whole, by its shape or norm.
    by_weight: ClassVar[bool] = False

    _always_shown = ("learning_rate",)
    # For pickles of before these could be asked for.
    use_ema = False
    ema_momentum = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    _batches = 0
    _undecayed = _NONE

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        owner = type(self).__name__
        if others.pop("decay", None) is not None:
            warnings.warn(
                f"{owner}: decay has no effect, as in Keras 3; give learning_rate="
                "schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)",
                stacklevel=3,
            )
        for key in others:
            hint = "; it is called learning_rate" if key == "lr" else ""
            msg = f"{owner}: there is no argument {key!r}{hint}"
            raise TypeError(msg)
        self.use_ema = bool(use_ema)
        self.ema_momentum = number(
            owner, "ema_momentum", ema_momentum, "lie in [0, 1]", lambda m: 0.0 <= m <= 1.0
        )
        self.ema_overwrite_frequency = (
            whole(owner, "ema_overwrite_frequency", ema_overwrite_frequency, least=1)
            if ema_overwrite_frequency
            else None
        )
        self.loss_scale_factor = loss_scale_factor
        if loss_scale_factor is not None:
            number(owner, "loss_scale_factor", loss_scale_factor, "be positive", lambda f: f > 0.0)
        self.gradient_accumulation_steps = (
            whole(owner, "gradient_accumulation_steps", gradient_accumulation_steps, least=2)
            if gradient_accumulation_steps
            else None
        )
        self.name = name or type(self).__name__.lower()
        # Live scalars of recorded steps.
        self.lr_array = np.zeros(1, np.float64)
        self.step_array = np.zeros(1, np.float64)
        self.iterations = 0
        self._batches = 0
        if holds_arrays(learning_rate):
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
        self._begin()
        # Weights without decay, by identity and by a pattern of names.
        self._undecayed = _NONE

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
        rate: Any = float(self.learning_rate)
        if self._schedule is not None:
            rate = schedules.serialize(self._schedule)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            **{rule: self.clipping.limit_of(rule) for rule in RULES},
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @property
    def has_schedule(self) -> bool:
        """Whether a schedule or a function says the learning rate."""
        return self._schedule is not None

    @property
    def recordable(self) -> bool:
        """Whether an update is made of calls of the core, so that a recorded step may hold it."""
        return self.builtin and not (self.use_ema or self.gradient_accumulation_steps)

    def update_named(
        self,
        name: str,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,
    ) -> None:
        """Update one array of a known name, or all of a model's in one, ``""``."""
        self._for(name).update_one(param, grad, slots, lr, step)

    # -- what everybody uses -----------------------------------------------------------------

    @property
    def learning_rate(self) -> LearningRate:
        """Step size of the next step, a float with Keras's `numpy` and `assign`.

        A negative one is refused with a ValueError.

        Raises
        ------
        TypeError
            When a schedule says it and it is set all the same.
        """
        if self._schedule is not None:
            step = (self.iterations,) if _takes_step(self._schedule) else ()
            self.lr_array[0] = self._schedule(*step)
        return LearningRate(self.lr_array[0], self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule = value
            return
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
        # Not through __setattr__, which a small step would notice.
        vars(self)["_batches"] = count = self.iterations + ahead
        self.step_array[0] = count // (self.gradient_accumulation_steps or 1) + 1
        if self._schedule is not None:
            self.lr_array[0] = self._scheduled(count)

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
            record(self, mode.recorder, params, grads)
            return
        flat = getattr(params, "flat", None)
        flat_grads = getattr(grads, "flat", None)
        if flat is not None and flat_grads is not None and list(params) == list(grads):
            slots = self.flat_slots(params)  # type: ignore[arg-type]
            if self.clipping and not self.gradient_accumulation_steps:
                clipped = twin(slots.layout, flat_grads)
                self.clipping.apply(grads, clipped)
                grads = clipped
            works = self.works(params, grads, slots)  # type: ignore[arg-type]
        else:
            found = [(key, *checked(key, params, grads)) for key in params]
            self._own_arrays(params)
            if self.clipping and not self.gradient_accumulation_steps:
                copies = {key: np.array(grad, working_dtype(p)) for key, p, grad in found}
                self.clipping.apply(copies, copies)
                found = [(key, param, copies[key]) for key, param, _ in found]
            works = [(key, p, grad, self._slots_for(key, p)) for key, p, grad in found]
        self._step(works, getattr(params, "weights", {}).values())

    def works(self, params: ArrayDict, grads: ArrayDict, slots: FlatSlots) -> list[Work]:
        """Return what an update of a model changes: all in one, or by name where names matter."""
        if not (self.by_weight or self.gradient_accumulation_steps or self._undecayed != _NONE):
            return [("", params.flat, grads.flat, slots.flat)]
        named = slots.named()
        return [
            (name, param, grads[name], {slot: views[name] for slot, views in named.items()})
            for name, param in params.items()
        ]

    def record(self, works: Sequence[Work]) -> None:
        """Append the core calls of a `recordable` update to the plan that is being recorded."""
        for name, param, grad, slots in works:
            self.update_named(name, param, grad, slots, self.lr_array, self.step_array)

    def run(self, works: Sequence[Work]) -> None:
        """Update arrays now, with what goes around the equations; `begin_step` comes before."""
        step, rate = float(self.step_array[0]), float(self.lr_array[0])
        grads: dict[str, Array] | None = {name: grad for name, _, grad, _ in works}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.gradient_accumulation_steps:
                grads = gathered(works, self.gradient_accumulation_steps, self._batches)
                if grads is not None and self.clipping:
                    self.clipping.apply(grads, grads)
            if grads is not None:
                for name, param, _, slots in works:
                    self.update_named(name, param, grads[name], slots, rate, step)
            if self.use_ema:
                average(works, self.ema_momentum, int(step) - 1, self.ema_overwrite_frequency)

    def finalize_variable_values(self, var_list: Any = None) -> None:  # noqa: ARG002 - Keras's
        """Give the weights the values of their averages; nothing without `use_ema`."""
        if not self.use_ema or not self.iterations:
            return
        for name, mean in self.slot_values()[AVERAGE].items():
            owner = self._owners.get(name)
            if owner is not None:
                np.copyto(owner.value if isinstance(owner, Weight) else owner, mean)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leave weights without decay.

        Parameters
        ----------
        var_list : iterable of variables, optional
            Variables of a model.
        var_names : iterable of str, optional
            Regular expressions, of which one is found in the names of those weights: ``["bias"]``.

        Raises
        ------
        ValueError
            When a step was taken already.
        """
        if self.iterations:
            msg = f"{type(self).__name__}: exclude_from_weight_decay comes before the first step"
            raise ValueError(msg)
        ids = frozenset(id(getattr(v, "weight", v)) for v in var_list or ())
        self._undecayed = ids, "|".join(f"(?:{name})" for name in var_names or ())

    def _for(self, name: str) -> Optimizer:
        """Return what updates a weight: this optimizer, or one like it without decay."""
        ids, pattern = self._undecayed
        weight = self._owners.get(name)
        if not (id(weight) in ids or (pattern and re.search(pattern, name))):
            return self
        other = object.__new__(type(self))
        vars(other).update({**vars(self), "weight_decay": 0.0})
        return other

    def _step(self, todo: list[Work], weights: Iterable[Weight]) -> None:
        """Update arrays, and count the step, by one call that nothing can interrupt."""
        self.begin_step()
        works: list[Work] = []
        after: list[Callable[[], object]] = []
        for name, param, grad, slots in todo:
            arrays = [param, *slots.values()]
            work = arrays
            if not is_direct(param):
                dtype = working_dtype(param)
                work = [np.array(array, dtype=dtype, order="C") for array in arrays]
                after += [partial(a.__setitem__, ..., w) for a, w in zip(arrays, work, strict=True)]
            given = np.require(grad, work[0].dtype, ["C", "A"])
            works.append((name, work[0], given, dict(zip(slots, work[1:], strict=True))))
        bound = [weight for weight in weights if weight.constraint is not None]
        after += [weight.constrain for weight in bound]
        changed: list[Array] = [weight.value for weight in bound]
        update: Any = _core.Plan()
        if self.recordable:
            with update.recording():
                self.record(works)
        else:
            changed += [a for _, param, _, slots in works for a in (param, *slots.values())]
            update = partial(self.run, works)
        _core.run_whole((update, *after), tuple(changed), self)

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
        params, grads = Named(), {}
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

    def _settings(self) -> Any:
        return (super()._settings(), settings_of(self.clipping))

    def __getstate__(self) -> dict[str, Any]:
        """Return everything, slots as plain named arrays."""
        state = dict(vars(self))
        state |= {"_flat": None, "_owners": {}, "_model": None, "_keys": {}}
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


def _takes_step(schedule: Callable[..., Any]) -> bool:
    """Keras calls a plain function without the step, a schedule with it."""
    return isinstance(schedule, schedules.LearningRateSchedule)
