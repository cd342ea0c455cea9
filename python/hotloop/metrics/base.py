"""What a metric is: sums that accumulate over an epoch, with weights, and a result."""

from __future__ import annotations

import copy
import functools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hotloop import initializers
from hotloop._support.describing import Described
from hotloop._support.overriding import check_overrides
from hotloop._support.quoting import quoted, shortened
from hotloop.autodiff.rule import mode
from hotloop.autodiff.variable import Variable, plain
from hotloop.data.targets import as_array, like_outputs, real_array
from hotloop.losses.functions import CLASS_OF
from hotloop.registry import deserialize, registered_name, serialize, snake_case

Array = NDArray[Any]
_FUNCTIONS = {registered_name(fn): fn for fn in CLASS_OF}
_Method = TypeVar("_Method", bound=Callable[..., Any])
# What may hold sums; all else that a metric refers to is shared by its copies.
_CONTAINERS = (list, tuple, dict, set, deque, np.ndarray)


def _recordable(method: _Method) -> _Method:
    """Return a method that a recorded step calls in each run."""

    @functools.wraps(method)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        if mode.recorder is None:
            return method(self, *args, **kwargs)
        return mode.recorder.call(self, functools.partial(method, self), args, kwargs)

    return cast("_Method", called)


class MetricVariable(Variable):
    """What a metric of one's own accumulates in: a float64 array that its methods assign to."""

    def __deepcopy__(self, memo: Any) -> Any:
        """Return a variable of its own."""
        made = memo[id(self)] = np.array(plain(self)).view(type(self))
        return made

    def __reduce__(self) -> Any:
        """Pickle as it is."""
        return _as_variable, (np.array(plain(self)),)


def _as_variable(array: Array) -> Any:
    return array.view(MetricVariable)


class Metric(Described):
    """A weighted mean that accumulates; a subclass writes `values`.

    A metric that is no mean writes `update_state`, `result` and `reset_state` instead, and lists
    in `state_names` the attributes that hold what it has accumulated. `direction`, "up" or "down",
    tells callbacks of ``mode="auto"`` which figure is better.

    Parameters
    ----------
    name : str, optional
        Key in logs; None is the class in snake case.
    dtype : optional
        Accepted as Keras does; sums are float64 whatever it says.

    Examples
    --------
    >>> class Largest(Metric):
    ...     def values(self, y_true, y_pred):
    ...         return y_pred.max(axis=1)
    >>> Largest()([0, 0], [[1.0, 3.0], [2.0, 1.0]])
    2.5
    """

    _name: ClassVar[str | None] = None
    state_names: ClassVar[tuple[str, ...]] = ("total", "count")
    direction: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what the methods of a metric of the user's own take."""
        super().__init_subclass__(**kwargs)
        check_overrides(cls, Metric, ("values", "result", "reset_state"))
        for name in ("update_state", "result", "reset_state"):
            if name in vars(cls):
                setattr(cls, name, _recordable(vars(cls)[name]))

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        del dtype
        self.name = name or self._name or snake_case(type(self).__name__)
        self.total: Any = 0.0
        self.count: Any = 0.0

    # What `add_weight` made, and its first values.
    variables: Sequence[Any] = ()
    _first: Sequence[Any] = ()

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
        **others: Any,
    ) -> Any:
        """Make a variable for a metric of one's own, with `assign`, `assign_add` and arithmetic.

        `reset_state` gives it its first value again.

        Parameters
        ----------
        shape : sequence of int, or str
            One number by default; a name here, as in Keras 2, is the name.
        initializer : str, Initializer or callable
            First value.
        dtype, name, **others : optional
            Accepted as Keras does; sums are float64.
        """
        del dtype, name
        if isinstance(shape, str):
            shape = others.pop("shape", ())
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        first = initializers.get(initializer or "zeros")(sizes, "float64")
        made = np.array(first, np.float64).view(MetricVariable)
        self.variables, self._first = [*self.variables, made], [*self._first, first]
        return made

    add_variable = add_weight

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return one number for each sample."""
        raise NotImplementedError

    @_recordable
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : array_like
            Targets and outputs.
        sample_weight : array_like, optional
            One weight for each sample.

        Raises
        ------
        ValueError
            When targets or weights do not fit the outputs.
        """
        outputs = as_rows(y_pred)
        values = self.values(like_outputs(y_true, outputs.shape), outputs)
        if sample_weight is None:
            self.add(float(np.add.reduce(values, axis=None, dtype=np.float64)), values.size)
        else:
            weights = sample_weights(self.name, sample_weight, len(outputs))
            per_sample = values.reshape(len(outputs), -1).mean(axis=1, dtype=np.float64)
            self.add(float((per_sample * weights).sum()), float(weights.sum()))

    def add(self, total: float, count: float) -> None:
        """Add a sum over `count` samples."""
        self.total += total
        self.count += count

    @_recordable
    def result(self) -> Any:
        """Return the mean of all that was added; 0 when nothing was."""
        return self.total / self.count if self.count else 0.0

    @_recordable
    def reset_state(self) -> None:
        """Start again from nothing."""
        for variable, first in zip(self.variables, self._first, strict=True):
            variable.assign(first)
        if not self.variables:
            self.total = self.count = 0.0

    def fresh(self) -> Metric:
        """Return a copy that accumulates on its own, from nothing."""
        values = vars(self).values()
        shared = {id(v): v for v in values if not isinstance(v, (*_CONTAINERS, Metric))}
        # Most hold numbers alone, and `fit` makes a copy of each metric.
        alone = len(shared) == len({id(v) for v in values})
        if alone:
            made = type(self).__new__(type(self))
            vars(made).update(vars(self))
        else:
            made = copy.deepcopy(self, shared)
        made.reset_state()
        return made

    def show_in(self, other: Metric) -> None:
        """Let `other` have the figures of this metric."""
        vars(other).update(vars(self))

    def get_state(self) -> dict[str, Array]:
        """Return what has accumulated, as float64 arrays."""
        if self.variables:
            return {f"variable_{i}": v.numpy() for i, v in enumerate(self.variables)}
        values = {name: getattr(self, name) for name in self.state_names}
        return {k: np.array(v, np.float64) for k, v in values.items() if v is not None}

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from what `get_state` returned; a ValueError refuses other names and shapes."""
        self.reset_state()
        if self.variables:
            self._set_variables(state)
            return
        foreign = sorted(set(state) - set(self.state_names))
        if foreign:
            msg = f"{self.name}: a state has no {quoted(foreign[0], 60)}, only {self.state_names}"
            raise ValueError(msg)
        for name in self.state_names:
            if name in state:
                value, fresh = np.array(state[name], np.float64), getattr(self, name)
                sums = type(self).update_state is Metric.update_state and isinstance(fresh, float)
                if (isinstance(fresh, np.ndarray) or sums) and value.shape != np.shape(fresh):
                    msg = f"{self.name}: {name} has shape {np.shape(fresh)}, got {value.shape}"
                    raise ValueError(msg)
                setattr(self, name, float(value) if value.ndim == 0 else value)
        try:
            self.result()
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            self.reset_state()
            msg = f"{self.name}: the state answers no figure: {shortened(str(error))}"
            raise ValueError(msg) from error

    def _set_variables(self, state: dict[str, Array]) -> None:
        shapes = {f"variable_{i}": v.shape for i, v in enumerate(self.variables)}
        if {name: np.shape(value) for name, value in state.items()} != shapes:
            msg = f"{self.name}: the state does not fit variables {quoted(shapes, 100)}"
            raise ValueError(msg)
        for variable, name in zip(self.variables, shapes, strict=True):
            variable.assign(state[name])

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch and return the result so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from the result of `get_config`."""
        return cls(**config)


class FunctionMetric(Metric):
    """The mean of ``fn(y_true, y_pred)``, a function of NumPy arrays.

    Parameters
    ----------
    fn : callable
        Answers one number for each sample, or a mean over the batch.
    name : str, optional
        Key in logs; None is the function's own.

    Examples
    --------
    >>> import numpy as np
    >>> def largest_error(y_true, y_pred):
    ...     return np.abs(y_true - y_pred).max(axis=1)
    >>> FunctionMetric(largest_error)([[0.0, 1.0]], [[0.5, 3.0]])
    2.0
    """

    def __init__(self, fn: Callable[[Array, Array], Any], name: str | None = None) -> None:
        super().__init__(name or getattr(fn, "__name__", None))
        if isinstance(fn, dict):
            fn = deserialize("metric function", fn, _FUNCTIONS)
        self.fn = fn
        if any(fn is loss for loss in CLASS_OF):
            self.direction = "down"

    def values(self, y_true: Any, y_pred: Array) -> Array:
        """Return what the function answers, one number for each sample."""
        targets = real_array(self.name, "targets", y_true)
        answer = np.asarray(self.fn(targets, y_pred), np.float64)
        if answer.ndim == 0:
            return np.full(len(y_pred), answer)
        if len(answer) != len(y_pred):
            msg = (
                f"{self.name}: must return one number for each of {len(y_pred)} samples, or their "
                f"mean, got shape {answer.shape} for targets {targets.shape} and outputs {y_pred.shape}"
            )
            raise ValueError(msg)
        per_sample: Array = answer.reshape(len(answer), -1).mean(axis=1)
        return per_sample

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; of the function its name, under which `custom_objects` give it back."""
        return {"fn": serialize(self.fn), **super().get_config()}


def as_rows(y_pred: Any) -> Array:
    """Return outputs with at least two axes."""
    outputs = as_array("metric", "y_pred", y_pred)
    return outputs.reshape(-1, 1) if outputs.ndim < 2 else outputs


def sample_weights(name: str, weights: Any, n: int) -> Array:
    """Return one float64 weight for each of `n` samples; a ValueError for another shape."""
    array = np.asarray(as_array(name, "sample_weight", weights), np.float64)
    if array.shape == (n, 1):
        array = array.reshape(n)
    if array.shape not in ((), (n,)):
        msg = f"{name}: sample_weight must have shape ({n},), got {array.shape}"
        raise ValueError(msg)
    return np.broadcast_to(array, (n,))
