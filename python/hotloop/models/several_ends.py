"""What a model with several inputs or outputs adds: data, losses and metrics in lists or dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import losses as losses_module
from hotloop import metrics as metrics_module
from hotloop._support.quoting import quoted
from hotloop.callbacks import CallbackList
from hotloop.data.arrays import direct, input_array, weight_array
from hotloop.data.targets import as_array, real_array
from hotloop.engine.executor import Executor
from hotloop.graph.symbol import Symbol
from hotloop.losses.several import PerOutput
from hotloop.models.model import Model as BaseModel
from hotloop.training.compiled import Meter, listed
from hotloop.training.several import (
    OutputLoss,
    SeveralData,
    SeveralForward,
    SeveralLossStep,
    SeveralMeter,
    by_name,
)

Array = NDArray[Any]


class SeveralEnds(BaseModel):
    """A model whose data may come in lists or dicts; a subclass says how its ends are connected.

    Parameters
    ----------
    name, dtype : str, optional
        As for every model.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._inputs: list[Symbol] = []
        self._outputs: list[Symbol] = []
        # The keys of the dicts that the ends were given in.
        self._given_names: tuple[list[str] | None, list[str] | None] = (None, None)

    @property
    def inputs(self) -> list[Symbol]:
        """The inputs, as symbols."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The outputs, as symbols."""
        return list(self._outputs)

    @property
    def input(self) -> Any:
        """The input as a symbol; a list of them for several."""
        return self._inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The output as a symbol; a list of them for several."""
        return self._outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_names(self) -> list[str]:
        """Names by which a dict gives samples."""
        return self._given_names[0] or [symbol.name for symbol in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """Names by which a dict gives targets, losses and metrics."""
        return self._given_names[1] or [symbol.name for symbol in self._outputs]

    @property
    def is_several(self) -> bool:
        """Whether there is more than one input or output."""
        return len(self._inputs) > 1 or len(self._outputs) > 1

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: Any = None,
        **kwargs: Any,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer, loss, metrics, weighted_metrics, **kwargs
            As for every model. With several outputs, `loss` is one for all of them, or a list or
            a dict by output; so are `metrics` and `weighted_metrics`, of lists.
        loss_weights : list or dict of float, optional
            Factor of each output's loss.

        Raises
        ------
        ValueError
            For unknown names, and numbers that do not fit the outputs.

        Examples
        --------
        >>> import hotloop as hl
        >>> x = hl.Input((3,))
        >>> ends = [hl.layers.Dense(1, name="a")(x), hl.layers.Dense(1, name="b")(x)]
        >>> model = hl.Model(x, ends)
        >>> model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights=[1.0, 0.5])
        """
        names = self._names_or_one()
        if isinstance(loss, PerOutput):  # from a file, with its metrics in a row
            metrics, weighted_metrics = listed(metrics), listed(weighted_metrics)
            _check_rows(loss, len(names), len(metrics) + len(weighted_metrics))
            super().compile(optimizer, loss, metrics, weighted_metrics, **kwargs)
            return
        given = 1.0 if loss_weights is None else loss_weights
        one_for_all = isinstance(given, float | int) and not isinstance(given, bool)
        weights = (
            [given] * len(names) if one_for_all else by_name("loss_weights", given, names, 1.0)
        )
        if not self.is_several:
            if isinstance(loss, list | tuple | Mapping) and "class" not in loss:
                loss = by_name("loss", loss, names)[0]
            metrics, weighted_metrics = (
                by_name(what, items, names)[0] if _is_by_output(items) else items
                for what, items in (("metrics", metrics), ("weighted_metrics", weighted_metrics))
            )
            if weights[0] != 1.0:
                if not self._outputs:
                    msg = f"compile: loss_weights {loss_weights} for a model without named outputs"
                    raise ValueError(msg)
                count = len(listed(metrics)) + len(listed(weighted_metrics))
                loss = PerOutput(_losses([loss]), weights, [0] * count)
            super().compile(optimizer, loss, metrics, weighted_metrics, **kwargs)
            return
        one_for_all = loss is None or not isinstance(loss, list | tuple | Mapping)
        losses = [loss] * len(names) if one_for_all else by_name("loss", loss, names)
        plain = _pairs("metrics", metrics, names)
        weighted = _pairs("weighted_metrics", weighted_metrics, names)
        loss = PerOutput(_losses(losses), weights, [i for i, _ in plain + weighted])
        super().compile(optimizer, loss, [m for _, m in plain], [m for _, m in weighted], **kwargs)

    def _settle(self, x: Any) -> None:
        """Find the ends by the first data, where nothing else says them."""

    def _names_or_one(self) -> list[str]:
        return self.output_names if self._outputs else ["output"]

    def _in_lists(self) -> bool:
        return self.is_several or isinstance(self.loss, PerOutput)

    def _arrays(self, name: str, x: Any) -> list[Array]:
        """Return checked samples for each input."""
        self.executor()
        parts = by_name(name, x, self.input_names)
        arrays = [
            direct(input_array(name, symbol.name, part, symbol.shape))
            for part, symbol in zip(parts, self._inputs, strict=True)
        ]
        if len({len(array) for array in arrays}) > 1:
            msg = f"{name}: inputs must have as many samples each, got {[*map(len, arrays)]}"
            raise ValueError(msg)
        return arrays

    def _input(self, name: str, x: Any) -> Any:
        self._settle(x)
        if self._inputs and isinstance(x, Mapping):
            x = by_name(name, x, self.input_names)[0]
        return super()._input(name, self._alone(x))

    def _alone(self, x: Any) -> Any:
        """Return the array in ``[x]``, Keras's way to name the only input."""
        if isinstance(x, list | tuple) and len(x) == 1 and isinstance(x[0], np.ndarray):
            rank = len(self.input_shape) if self.built else x[0].ndim
            if x[0].ndim == rank:
                return x[0]
        return x

    def _data(
        self,
        name: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
    ) -> Any:
        self._settle(x)
        if not self._in_lists():
            if self._outputs and isinstance(y, Mapping):
                y = by_name(name, y, self.output_names)[0]
            if isinstance(y, list | tuple) and len(y) == 1 and isinstance(y[0], np.ndarray):
                y = y[0] if len(self._alone(x)) == len(y[0]) else y
            if self._outputs and isinstance(sample_weight, Mapping):
                what = f"{name}: sample_weight"
                sample_weight = by_name(what, sample_weight, self.output_names)[0]
            return super()._data(name, x, y, sample_weight)
        per_output = self._compiled(name, optimizer=False)
        assert isinstance(per_output, PerOutput)
        arrays = self._arrays(name, x)
        n, names = len(arrays[0]), self.output_names
        if isinstance(sample_weight, list | tuple | Mapping):
            given = by_name(f"{name}: sample_weight", sample_weight, names)
        else:
            given = [sample_weight] * len(names)
        ys: list[Any] = []
        ts: list[Any] = []
        ws: list[Any] = []
        for target, loss, symbol, weight in zip(
            by_name(f"{name}: y", y, names), per_output.losses, self._outputs, given, strict=True
        ):
            if loss is None:
                ys.append(target)
                ts.append(None)
                ws.append(None)
                continue
            if target is None:
                msg = f"{name}: y of {symbol.name!r} is missing"
                raise ValueError(msg)
            array = real_array(name, f"y of {symbol.name!r}", target)
            if array.ndim == 0 or len(array) != n:
                msg = f"{name}: x has {n} samples but y of {symbol.name!r} {np.shape(array)}"
                raise ValueError(msg)
            shape = (n, *(size or 0 for size in symbol.shape[1:]))
            ys.append(array)
            ts.append(loss.targets(array, shape, self.dtype))
            ws.append(weight_array(name, n, weight, self.dtype))
        return SeveralData(arrays, ys, ts, ws)

    def _step_for(self, data: Any, n: int, *, train: bool, update: bool) -> Any:
        if not isinstance(data, SeveralData):
            return super()._step_for(data, n, train=train, update=update)
        executor, form = self.executor(), data.form
        executor.use(self.loss, self.optimizer)
        optimizer = self.optimizer if update else None
        key = ("several", n, form, train, update)
        return executor.step_of(key, lambda: SeveralLossStep(executor, n, form, train, optimizer))

    def _weighed(self, name: str, data: Any, class_weight: Any) -> Any:
        if class_weight is not None and len(self.outputs) > 1:
            msg = (
                f"{name}: class_weight is for models of one output, this one has several; give "
                "sample_weight for each output instead"
            )
            raise ValueError(msg)
        return super()._weighed(name, data, class_weight)

    def _new_meter(self) -> Meter:
        if not self._in_lists():
            return super()._new_meter()
        found = self._found_metrics or []
        return SeveralMeter(found, self._metric_keys, self.loss, self._weighted)

    def _shape_of_targets(self, data: Any) -> Any:
        if not isinstance(data, SeveralData):
            return super()._shape_of_targets(data)
        return tuple(np.shape(y) for y in data.ys)

    def _resolve_metrics(self, target_shape: Any) -> None:
        if not self._in_lists():
            super()._resolve_metrics(target_shape)
            return
        self._target_shape = target_shape
        names, shapes = self.output_names, [symbol.shape for symbol in self._outputs]
        found: list[metrics_module.Metric] = [
            OutputLoss(f"{name}_loss")
            for name, loss in zip(names, self.loss.losses, strict=True)
            if loss is not None and len(names) > 1
        ]
        for i, identifier in zip(self.loss.metric_outputs, self._metric_names, strict=True):
            targets = tuple(target_shape[i])
            shape = (targets[0], *(size or 0 for size in shapes[i][1:]))
            found.append(metrics_module.resolve(identifier, targets, shape))
        own = [metric.name for metric in found if isinstance(metric, OutputLoss)]
        prefixes = [f"{names[i]}_" if len(names) > 1 else "" for i in self.loss.metric_outputs]
        named = list(zip(prefixes, (m.name for m in found[len(own) :]), strict=True))
        self._metric_keys = own + metrics_module.log_keys(named, self._weighted, own)
        self._found_metrics = found

    def _several_step(self, n: int, training: bool) -> SeveralForward:
        executor: Executor = self.executor()
        make: Callable[[], Any] = lambda: SeveralForward(executor, n, training)  # noqa: E731
        step: SeveralForward = executor.step_of(("several", n, training), make)
        return step

    def _predict_array(
        self, x: Any, size: int, steps: int | None, calls: CallbackList, first: int
    ) -> Any:
        self._settle(x)
        if not self.is_several:
            return super()._predict_array(x, size, steps, calls, first)
        with self._step_lock:
            arrays = self._arrays("predict", x)
        n = len(arrays[0]) if steps is None else min(len(arrays[0]), steps * size)
        shapes = [tuple(k or 0 for k in symbol.shape[1:]) for symbol in self._outputs]
        outs = [np.empty((n, *shape), self.dtype) for shape in shapes]
        for batch, start in enumerate(range(0, n, size), first):
            rows = slice(start, min(n, start + size))
            calls.batch_begin("predict", batch)
            with self._step_lock:
                step = self._several_step(rows.stop - start, training=False)
                step.gather([array[rows] for array in arrays], None)
                step.run()
                for out, y in zip(outs, step.outputs, strict=True):
                    out[rows] = y

            def logs(rows: slice = rows) -> dict[str, Any]:
                return {"outputs": [out[rows].copy() for out in outs]}

            calls.batch_end("predict", batch, logs)
        return self._as_given(outs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, in inference mode."""
        self._settle(x)
        if not self.is_several:
            return super().predict_on_batch(self._alone(x))
        n = max(1, len(by_name("predict_on_batch", x, self.input_names)[0]))
        return self.predict(x, batch_size=n, verbose=0)

    def _as_given(self, outs: list[Array]) -> Any:
        """Return outputs as they were declared: in a dict, or in a list when there are several."""
        if self._given_names[1] is not None:
            return dict(zip(self._given_names[1], outs, strict=True))
        return outs if len(outs) > 1 else outs[0]

    def forward(self, x: Any, training: bool = False) -> Any:
        """Return the output for one batch; with ``training=True``, `backward` may follow.

        Parameters
        ----------
        x : array_like, list or dict of array_like
            One batch for each input.
        training : bool
            Whether layers run in training mode and keep what backward needs.

        Returns
        -------
        ndarray, list or dict of ndarray
            New arrays of the model's dtype.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        self._settle(x)
        if not self.is_several:
            return super().forward(x, training)
        with self._step_lock:
            arrays = self._arrays("forward", x)
            step: Any = self._several_step(len(arrays[0]), bool(training))
            step.gather(arrays, None)
            step.run()
            if training:
                self._by_hand = step
            return self._as_given([y.copy() for y in step.outputs])

    def backward(self, dy: Any) -> None:
        """Fill `grads` from the gradients of the last ``forward(x, training=True)``'s outputs.

        Parameters
        ----------
        dy : array_like, list or dict of array_like
            In the shapes of those outputs.

        Raises
        ------
        RuntimeError
            Without such a forward.
        ValueError
            For another shape.
        """
        if not self.is_several:
            super().backward(dy)
            return
        with self._step_lock:
            step: Any = self._by_hand
            if step is None or self.executor().store.lost:
                msg = "backward: call model.forward(x, training=True) first"
                raise RuntimeError(msg)
            arrays = [
                as_array("backward", "dy", part)
                for part in by_name("backward", dy, self.output_names)
            ]
            want = [y.shape for y in step.outputs]
            if [array.shape for array in arrays] != want:
                got = [array.shape for array in arrays]
                msg = f"backward: dy must have the outputs' shapes {want}, got {got}"
                raise ValueError(msg)
            step.backward(arrays)


def _losses(given: list[Any]) -> list[Any]:
    return [None if loss is None else losses_module.get(loss) for loss in given]


def _is_by_output(items: Any) -> bool:
    """Whether metrics are given in a dict, or in a list of lists."""
    return isinstance(items, Mapping) or bool(
        isinstance(items, list) and items and isinstance(items[0], list)
    )


def _pairs(what: str, metrics: Any, names: list[str]) -> list[tuple[int, Any]]:
    """Return each metric of several outputs with the output that it looks at."""
    flat = isinstance(metrics, list) and not any(isinstance(m, list) for m in metrics)
    if metrics is None or isinstance(metrics, str) or (flat and len(metrics) == 1):
        lists = [metrics] * len(names)
    else:
        lists = by_name(what, metrics, names)
    return [(i, m) for i, items in enumerate(lists) for m in listed(items) if m is not None]


def _check_rows(loss: PerOutput, outputs: int, metrics: int) -> None:
    """Raise when losses and metrics of a file are not those of a model with so many outputs."""
    places = loss.metric_outputs
    if len(loss.losses) != outputs or len(places) != metrics or max(places, default=0) >= outputs:
        msg = (
            f"compile: {len(loss.losses)} losses and metrics for the outputs {quoted(places)} do not "
            f"fit {outputs} outputs and {metrics} metrics"
        )
        raise ValueError(msg)


__all__ = ["SeveralEnds"]
