"""Slots of an optimizer: arrays beside weights, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from weakref import ReferenceType

import numpy as np
from numpy.typing import NDArray

from hotloop._support.watched import ASSIGNMENTS
from hotloop.optimizers.arrays import FlatSlots, is_same
from hotloop.optimizers.averaging import AVERAGE, GATHERED
from hotloop.parameters import ArrayDict, Layout, Weight, aligned_zeros

Array = NDArray[Any]


class SlotOwner:
    """What remembers its slots, and the weights or arrays that they belong to."""

    # Name of each slot and the value it starts with.
    slots: ClassVar[Mapping[str, float]] = {}
    name: str
    use_ema: bool
    gradient_accumulation_steps: int | None
    _schedule: Any

    def _begin(self) -> None:
        """Own nothing yet."""
        ASSIGNMENTS[0] += 1
        self._named: dict[str, dict[str, Array]] = {}
        self._flat: FlatSlots | None = None
        # Whose slots they are, by key: weights of a model, or arrays that `update` was given.
        self._owners: dict[str, Weight | Array] = {}
        self._model: ReferenceType[Any] | None = None
        # Keys of what `apply_gradients` was given, which is kept so that its id stays its own.
        self._keys: dict[int, tuple[str, Any]] = {}

    @property
    def all_slots(self) -> dict[str, float]:
        """Name and first value of each slot, also of what averages and sums need."""
        own = dict(self.slots)
        if self.use_ema:
            own[AVERAGE] = 0.0
        if self.gradient_accumulation_steps:
            own[GATHERED] = 0.0
        return own

    def _own_arrays(self, params: Mapping[str, Array]) -> None:
        """Take arrays as those that the slots belong to; a ValueError when they are others."""
        if not self.all_slots and self._schedule is None:
            return  # nothing is remembered
        new: dict[str, Weight | Array] = {**params, **getattr(params, "weights", {})}
        for key, owner in new.items():
            if key in self._owners and not is_same(self._owners[key], owner):
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
        known = [is_same(owners[key], weight) for key, weight in weights.items() if key in owners]
        same = self._model is not None and model is not None and self._model() is model
        if owners and not same and not (len(known) == len(weights) and all(known)):
            kind = type(self).__name__
            msg = (
                f"{kind} {self.name!r}: this optimizer trains another model already, of weights "
                f"{list(owners)[:3]}; compile each model with its own, such as "
                f"{kind}.from_config(optimizer.get_config())"
            )
            raise ValueError(msg)
        replaced = [key for key, w in weights.items() if not is_same(owners.get(key, w), w)]
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
        if found.keys() == self.all_slots.keys() and fits:
            return found
        made = {
            slot: np.full(param.shape, start, param.dtype) for slot, start in self.all_slots.items()
        }
        self._named[key] = made
        return made

    def flat_slots(self, params: ArrayDict) -> FlatSlots:
        """Return slots as flat twins of a model's trainable weights, made when first asked for.

        Values that exist under the same keys and shapes are taken over.
        """
        flat = params.flat
        known = self._flat
        slots = self.all_slots
        if known is not None and known.params is params and known.flat.keys() == slots.keys():
            return known
        replaced = self._own_weights(params)
        shapes = {name: value.shape for name, value in params.items()}
        if (
            known is not None
            and not replaced
            and known.layout.shapes == shapes
            and list(known.layout.names) == list(shapes)
            and known.flat.keys() == slots.keys()
            and all(array.dtype == flat.dtype for array in known.flat.values())
        ):
            known.params = params
            ASSIGNMENTS[0] += 1
            return known
        old = self.slot_values()
        layout = Layout(shapes, flat.dtype.itemsize)
        twins = {slot: aligned_zeros(layout.size, flat.dtype) for slot in slots}
        made = FlatSlots(params, layout, twins)
        for slot, views in made.named().items():
            for name, view in views.items():
                value = None if name in replaced else old.get(slot, {}).get(name)
                fits = value is not None and value.shape == view.shape
                view[...] = value if fits else slots[slot]
        self._flat = made
        ASSIGNMENTS[0] += 1
        for name in shapes:
            self._named.pop(name, None)
        return made

    def slot_values(self) -> dict[str, dict[str, Array]]:
        """Return live slots: slot by slot, key by key."""
        values: dict[str, dict[str, Array]] = {slot: {} for slot in self.all_slots}
        for key, slots in self._named.items():
            for slot, array in slots.items():
                values[slot][key] = array
        if self._flat is not None:
            for slot, views in self._flat.named().items():
                values[slot].update(views)
        return values

    def set_slot_values(self, values: Mapping[str, Mapping[str, Array]]) -> None:
        """Replace all slots by copies of `values`."""
        self._begin()
        for slot, arrays in values.items():
            for key, array in arrays.items():
                self._named.setdefault(key, {})[slot] = np.array(array)


__all__ = ["SlotOwner"]
