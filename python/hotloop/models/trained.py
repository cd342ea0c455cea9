"""The methods of models that a trainer stands behind: `compile`, `fit`, `evaluate`, `predict` ..."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import metrics as metrics_module
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop.callbacks import Callback, History
from hotloop.graph.symbol import Unit
from hotloop.training import evaluating, fitting
from hotloop.training.trainer import Trainer

Array = NDArray[Any]


class Trained(Unit):
    """What is trained, under Keras's names; a subclass has the network that its trainer works on."""

    run_eagerly = False
    steps_per_execution = 1
    jit_compile: Any = "auto"
    auto_scale_loss = True
    history: History | None
    _trainer: Trainer
    # The keys of the dicts that inputs and outputs were given in.
    _given_names: tuple[list[str] | None, list[str] | None]

    def _as_given(self, outs: list[Array]) -> Any:
        """Return outputs as they were declared: in a dict, or in a list when there are several."""
        if self._given_names[1] is not None:
            return dict(zip(self._given_names[1], outs, strict=True))
        return outs if len(outs) > 1 else outs[0]

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer : str or Optimizer
            Keras's name or an object; a new optimizer starts without history. An object trains
            one model: a second one is refused by a ValueError when it trains.
        loss : str, function or Loss
            What `fit` makes small. A final softmax is fused with the categorical cross
            entropies and a final sigmoid with the binary one. With several outputs, one for all of
            them, or a list or a dict by output.
        metrics : list of str, function or Metric, optional
            ``"accuracy"`` resolves by targets and outputs, as in Keras. They do not see the
            samples' weights. With several outputs, a list of lists or a dict of them by output.
        weighted_metrics : list of str, function or Metric, optional
            Metrics that see the samples' weights; given as `metrics` are.
        loss_weights : list or dict of float, optional
            Factor of each output's loss.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            What Keras has to know of its backends; kept as attributes, without effect here.

        Raises
        ------
        ValueError
            For unknown names, with the nearest one, and numbers that do not fit the outputs.

        Examples
        --------
        >>> import hotloop as hl
        >>> model = hl.Sequential([hl.layers.Dense(2, activation="softmax", input_shape=(3,))])
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        steps = whole("compile", "steps_per_execution", steps_per_execution, least=1)
        if jit_compile != "auto" and not isinstance(jit_compile, bool | np.bool_ | None):
            msg = f"compile: jit_compile must be 'auto', True or False, got {quoted(jit_compile)}"
            raise ValueError(msg)
        self._trainer.compile(optimizer, loss, loss_weights, metrics, weighted_metrics)
        self.run_eagerly, self.steps_per_execution = bool(run_eagerly), steps
        self.jit_compile = "auto" if jit_compile == "auto" else bool(jit_compile)
        self.auto_scale_loss = bool(auto_scale_loss)

    @property
    def optimizer(self) -> Any:
        """What `compile` was given as optimizer."""
        return self._trainer.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._trainer.use(optimizer, self._trainer.objective)

    @property
    def loss(self) -> Any:
        """The loss; with several outputs, or a weight, an object with `losses` and `weights`."""
        objective = self._trainer.objective
        return None if objective is None else objective.alone or objective

    @loss.setter
    def loss(self, loss: Any) -> None:
        self._trainer.use(self.optimizer, loss)

    @property
    def stop_training(self) -> bool:
        """Whether `fit` ends after this batch; callbacks set it."""
        return self._trainer.stop_training

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._trainer.stop_training = value

    @property
    def metrics(self) -> list[Any]:
        """The metrics of `compile`, once data have shown which they are, and those of attributes."""
        own = [value for value in vars(self).values() if isinstance(value, metrics_module.Metric)]
        return [*(figure.metric for figure in self._trainer.figures or []), *own]

    def reset_metrics(self) -> None:
        """Let every metric start again from nothing."""
        self._trainer.reset_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """Keys of the logs: loss first; equal names are numbered as in Keras."""
        return ["loss", *(figure.key for figure in self._trainer.figures or [])]

    @property
    def knows_its_metrics(self) -> bool:
        """Whether data have shown which the metrics are."""
        return self._trainer.figures is not None

    def metric_of(self, key: str) -> metrics_module.Metric | None:
        """Return the metric behind a key of the logs, also a ``val_`` one; None if there is none."""
        found = {figure.key: figure.metric for figure in self._trainer.figures or []}
        return found.get(key, found.get(key.removeprefix("val_")))

    # -- training ----------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x, y : array_like
            Samples and targets, also `numpy.memmap` larger than the memory. `x` may also yield
            batches ``(x, y)`` or ``(x, y, sample_weight)``: a `DataLoader`, a generator or another
            iterable, or data with ``__len__`` and ``__getitem__``, such as `utils.PyDataset`, whose
            ``on_epoch_end`` is called. The samples of a PyTorch ``Dataset`` are put together.
        batch_size : int, optional
            Samples a step; None is 32. Batches bring their own.
        epochs : int
            Where to stop, counted from 0 as `initial_epoch` is.
        verbose : "auto", 0, 1 or 2
            Silent, a progress bar, or one line an epoch; "auto" is a bar in a terminal.
        callbacks : list of Callback, optional
            Called around epochs and batches.
        validation_split : float
            Fraction of the samples, taken from the end before shuffling, used only for
            validation, with its part of `sample_weight` and without `class_weight`.
        validation_data : tuple or iterable, optional
            ``(x, y)`` or ``(x, y, sample_weight)``, or batches, evaluated after each epoch.
        shuffle : bool
            Whether each epoch draws a new order, of samples or of the batches of data by index.
        class_weight : dict of int to float, optional
            A weight for each class, 1 for those that are not mentioned. Only training counts it.
            With several outputs, a dict or list of such dicts by output, None for one without.
        sample_weight : array_like, optional
            One weight for each sample.
        initial_epoch : int
            Where to start.
        steps_per_epoch : int, optional
            Batches of an epoch, for data without end; None is all of them. The next epoch goes
            on behind the last batch, and data that can start again does so where it ends.
        validation_steps : int, optional
            Batches of a validation; None is all of them.
        validation_batch_size : int, optional
            Samples of a validation batch; None is 256.
        validation_freq : int or collection of int
            Epochs from one validation to the next; or those that are validated, counted from 1.

        Returns
        -------
        History
            ``.history`` has a list for the loss, each metric and their ``val_`` twins.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes, labels and lengths that do not fit.
        KeyboardInterrupt
            After Ctrl-C, between two steps: the weights are those of the last finished step.
        """
        return fitting.fit(
            self._trainer,
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics over all samples, in inference mode.

        Parameters
        ----------
        x, y : array_like
            Samples and targets; `x` may also yield batches, in every form that `fit` takes.
        batch_size : int, optional
            Samples of a batch; None is 256. It changes no result beyond rounding.
        verbose : "auto", 0, 1 or 2
            Whether a line with the figures is printed.
        sample_weight : array_like, optional
            One weight for each sample.
        steps : int, optional
            Batches after which the evaluation ends; None goes over all.
        callbacks : list of Callback, optional
            Their ``on_test_...`` hooks are called.
        return_dict : bool
            Whether a dict comes back.

        Returns
        -------
        float, list of float or dict
            The loss; with metrics a list, loss first.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and without samples.
        """
        return evaluating.evaluate(
            self._trainer,
            x,
            y,
            batch_size,
            verbose,
            sample_weight,
            steps,
            callbacks,
            return_dict,
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for all samples, in inference mode.

        Parameters
        ----------
        x : array_like
            Samples; also what yields batches, in every form that `fit` takes, of which the first
            part is taken when they are tuples.
        batch_size : int, optional
            Samples of a batch; None is 256.
        verbose : "auto", 0, 1 or 2
            Accepted as Keras does; prediction prints nothing.
        steps : int, optional
            Batches after which the prediction ends; None goes over all.
        callbacks : list of Callback, optional
            Their ``on_predict_...`` hooks are called.

        Returns
        -------
        ndarray
            ``(N, ...)`` of the model's dtype, a new array; a list or dict of them for several
            outputs.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        outs = evaluating.predict(self._trainer, x, batch_size, verbose, steps, callbacks)
        return self._as_given(outs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, in inference mode."""
        n = len(self._trainer.samples("predict_on_batch", x)[0])
        return self.predict(x, batch_size=max(1, n), verbose=0)

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one training step and return the loss of this batch before it.

        Parameters
        ----------
        x, y : array_like
            One batch; C-contiguous arrays of the model's dtype and int64 ids are not copied.
        sample_weight : array_like, optional
            One weight for each sample.
        class_weight : dict of int to float, optional
            A weight for each class.
        return_dict : bool
            Whether a dict comes back.

        Returns
        -------
        float, list of float or dict
            Loss, or loss and metrics, of this batch alone.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch; no weight moves then.
        """
        return self._trainer.train_on_batch(x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return loss and metrics of one batch, without training.

        Parameters
        ----------
        x, y : array_like
            One batch.
        sample_weight : array_like, optional
            One weight for each sample.
        return_dict : bool
            Whether a dict comes back.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch.
        """
        return self._trainer.test_on_batch(x, y, sample_weight, return_dict)

    def loss_and_grads(self, x: Any, t: Any, sample_weight: Any = None) -> tuple[float, Any]:
        """Return the loss of one batch and the live gradients, without an update.

        Parameters
        ----------
        x, t : array_like
            One batch of inputs and targets.
        sample_weight : array_like, optional
            One weight for each sample.

        Returns
        -------
        loss : float
        grads : dict of str to ndarray
            ``model.grads``: live, overwritten by the next step.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch.
        """
        return self._trainer.loss_and_grads(x, t, sample_weight)

    def train_step(self, data: Any) -> Any:
        """Take one training step on a batch; a subclass may write its own, as in Keras.

        Parameters
        ----------
        data : tuple
            ``(x, y)`` or ``(x, y, sample_weight)``; what `fit` was given, without missing parts.

        Returns
        -------
        dict of str to float
            What the logs show.
        """
        x, y, w = (*data, None)[:3]
        return self.train_on_batch(x, y, w, return_dict=True)

    def test_step(self, data: Any) -> Any:
        """Judge one batch; a subclass may write its own. See `train_step`."""
        x, y, w = (*data, None)[:3]
        return self.test_on_batch(x, y, w, return_dict=True)

    def steps_by_itself(self) -> bool:
        """Whether the class of this model has a `train_step` of its own."""
        return type(self).train_step is not Trained.train_step

    def tests_by_itself(self) -> bool:
        """Whether the class of this model has a `test_step` of its own."""
        return type(self).test_step is not Trained.test_step

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> Any:
        """Return the compiled loss of outputs and `losses`, for a `train_step` of one's own.

        Parameters
        ----------
        x : optional
            Not looked at.
        y, y_pred : array_like, Tensor
            Targets and outputs.
        sample_weight : array_like, optional
            One weight for each sample.
        """
        del x
        return self._trainer.compute_loss(y, y_pred, sample_weight)


__all__ = ["Trained"]
