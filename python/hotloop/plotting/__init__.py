"""Pictures of training and of what was learnt. Needs matplotlib: ``pip install 'hotloop[plot]'``.

Each function takes ``ax=``, returns the axes and never calls ``show()``. Without `ax` it makes a pyplot
figure 800 pixels wide. Functions of several panels return an array of axes; given a single `ax`, they divide it.
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.plotting.classes import confusion_matrix, decision_boundary
from hotloop.plotting.inside import activations, filters
from hotloop.plotting.paths import descent_path, function
from hotloop.plotting.pictures import images
from hotloop.plotting.training import history

__all__ = [
    "activations",
    "confusion_matrix",
    "decision_boundary",
    "descent_path",
    "filters",
    "function",
    "history",
    "images",
]

serve(__name__)
