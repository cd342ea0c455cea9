"""Operations as nodes of a model: what `hotloop.ops` answers to symbols."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support import arguments
from hotloop._support.quoting import quoted, shortened
from hotloop._support.typing import Shape
from hotloop.autodiff.answers import answer_shape, standing
from hotloop.autodiff.rule import Rule, Saved, rule_of
from hotloop.graph.symbol import Symbol, connect
from hotloop.layers.base import Layer
from hotloop.layers.cache import Cache
from hotloop.registry import snake_case

# What options and constants of a file may end in that no operation takes.
_MISFITS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
# Operations whose input of this place holds indices, which models carry as floats.
_INDICES = {
    "take": 1, "take_along_axis": 1, "scatter_update": 1, "scatter_add": 0,
    "segment_sum": 1, "segment_prod": 1, "segment_max": 1, "segment_min": 1,
}  # fmt: skip
# Operations of several answers.
_ANSWERS = {"top_k": 2, "eigh": 2, "qr": 2, "slogdet": 2, "svd": 3}


class Operation(Layer, builtin=True):
    """One operation of `hotloop.ops` on the values of a model.

    Parameters
    ----------
    operation : str
        Name of its rule.
    inputs : list
        For each input of the rule: None where a value of the model goes in, else a constant.
    options : dict
        Further arguments of the rule.
    part : int
        Which of several answers it gives.
    **kwargs
        As for every layer.

    Examples
    --------
    >>> import hotloop as hl
    >>> x = hl.Input((3,))
    >>> model = hl.Model(x, hl.ops.exp(x) + 1.0)
    >>> model.predict([[0.0, 0.0, 0.0]], verbose=0)
    array([[2., 2., 2.]], dtype=float32)
    """

    recordable = False

    def __init__(
        self,
        operation: str,
        inputs: list[Any],
        options: dict[str, Any] | None = None,
        part: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rule = rule_of(operation)
        if not isinstance(inputs, list | tuple) or not any(x is None for x in inputs):
            msg = (
                f"Operation: inputs must be a list in which None stands for each value of the "
                f"model, got {quoted(inputs)}"
            )
            raise ValueError(msg)
        if not isinstance(options, dict | None):
            msg = f"Operation: options must be a dict, got {quoted(options)}"
            raise TypeError(msg)
        self.template = [_number_or_array(_decoded(constant)) for constant in inputs]
        self.options = {key: _decoded(value) for key, value in (options or {}).items()}
        self.part = arguments.whole("Operation", "part", part, least=0)
        self.takes_several = sum(constant is None for constant in self.template) > 1

    @classmethod
    def on_symbols(cls, rule: Rule, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return the symbols that `rule` answers when at least one input is a symbol."""
        symbols = tuple(x for x in inputs if isinstance(x, Symbol))
        template = [None if isinstance(x, Symbol) else _constant(rule.name, x) for x in inputs]
        several = len(symbols) > 1
        count = _ANSWERS.get(rule.name, 1)
        made = [
            connect(cls(rule.name, template, options, part=i), symbols, several)
            for i in range(count)
        ]
        return tuple(made) if count > 1 else made[0]

    @property
    def base_name(self) -> str:
        """Name of the operation."""
        return snake_case(self.rule.name)

    def _filled(self, x: Any) -> list[Any]:
        parts = iter(x if self.takes_several else (x,))
        inputs = [next(parts) if constant is None else constant for constant in self.template]
        place = _INDICES.get(self.rule.name)
        if place is not None and self.template[place] is None:
            inputs[place] = np.asarray(inputs[place]).astype(np.int64)
        return inputs

    def _options(self, batch: int) -> dict[str, Any]:
        """Return the options with the size of the batch where a shape left it open."""
        shape = self.options.get("shape")
        if isinstance(shape, tuple | list) and None in shape:
            return {**self.options, "shape": tuple(batch if n is None else n for n in shape)}
        return self.options

    def _run(self, x: Any, saved: Saved) -> Any:
        first = x[0] if self.takes_several else x
        answer = self.rule.forward(saved, *self._filled(x), **self._options(len(first)))
        return answer if isinstance(answer, tuple) else (answer,)

    def forward(self, x: Any, cache: Cache, training: bool) -> Any:  # noqa: ARG002
        """Compute."""
        saved = cache.saved = Saved()
        saved.needs = tuple(
            constant is None and self.rule.backward is not None for constant in self.template
        )
        answers = self._run(x, saved)
        cache.shapes = [part.shape for part in (x if self.takes_several else (x,))]
        cache.answers = [(part.shape, part.dtype) for part in answers]
        # The model's dtype, which its values come in, whatever the layer was built for.
        cache.dtype = (x[0] if self.takes_several else x).dtype
        y = answers[self.part]
        return y.astype(cache.dtype, copy=False)

    def backward(self, dy: Any, cache: Cache) -> Any:
        """Follow the rule back."""
        zeros = [np.zeros(shape, cache.dtype) for shape in cache.shapes]
        if self.rule.backward is None:
            return tuple(zeros) if self.takes_several else zeros[0]
        grads = [
            dy if i == self.part else np.zeros(shape, dtype)
            for i, (shape, dtype) in enumerate(cache.answers)
        ]
        found = self.rule.backward(cache.saved, *grads)
        mine = [
            grad for grad, constant in zip(found, self.template, strict=True) if constant is None
        ]
        parts = [
            zero if grad is None else np.asarray(grad, cache.dtype)
            for grad, zero in zip(mine, zeros, strict=True)
        ]
        return tuple(parts) if self.takes_several else parts[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the answer: of two sizes in place of each open one."""
        shapes = input_shape if self.takes_several else (input_shape,)
        found = []
        for size in (2, 3):
            parts = [[size if n is None else n for n in shape] for shape in shapes]
            try:
                values = [standing(sizes, self.dtype) for sizes in parts]
                inputs = self._filled(values if self.takes_several else values[0])
                options = self._options(parts[0][0])
                found.append(answer_shape(self.rule, inputs, options, self.part))
            except _MISFITS as error:
                why = shortened(str(error), 180)
                msg = f"{self.rule.name}: inputs of shape {quoted(shapes, 120)} do not fit: {why}"
                raise ValueError(msg) from error
        first, second = found
        if len(first) != len(second):
            msg = f"{self.rule.name}: the number of axes may not depend on open sizes, got {shapes}"
            raise ValueError(msg)
        return tuple(m if m == n else None for m, n in zip(first, second, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this operation again."""
        return {
            "operation": self.rule.name,
            "inputs": [_encoded(constant) for constant in self.template],
            "options": {key: _encoded(value) for key, value in self.options.items()},
            "part": self.part,
            **super().get_config(),
        }


def _constant(name: str, x: Any) -> Any:
    """Return an input that is no symbol as it is kept: a number or an array."""
    if isinstance(x, bool | int | float):
        return x
    if x is None:
        msg = f"{name}: an input is None"
        raise TypeError(msg)
    return np.array(x)


def _number_or_array(x: Any) -> Any:
    """Return a constant as it came; an error for what no operation computes with."""
    if x is None or isinstance(x, float | np.ndarray) or (isinstance(x, int) and abs(x) < 2**63):
        return x
    msg = f"Operation: a constant must be a number or an array, got {quoted(x)}"
    raise ValueError(msg)


# -- plain values for files ------------------------------------------------------------------------


def _encoded(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, slice):
        return {"slice": [_encoded(part) for part in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, tuple | list):
        return {"items": [_encoded(part) for part in value]}
    msg = f"an operation cannot be saved with an argument of type {type(value).__name__}"
    raise TypeError(msg)


def _decoded(value: Any) -> Any:
    """Return what `_encoded` was given; any other value as it is."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        dtype = np.dtype(str(value.get("dtype", "float32")))
        if dtype.kind not in "biuf":
            msg = f"Operation: an array of dtype {dtype} is no array of real numbers"
            raise ValueError(msg)
        return np.asarray(value["array"], dtype).reshape(value.get("shape", -1))
    if "slice" in value:
        return slice(*value["slice"])
    if "ellipsis" in value:
        return Ellipsis
    if "items" in value:
        return tuple(_decoded(part) for part in value["items"])
    msg = f"Operation: {quoted(value)} describes no argument"
    raise ValueError(msg)
