"""Automatic differentiation: one table of rules, tensors that remember, and tapes.

`rule.py` says what a rule is; `ctc`, `elementwise`, `reductions`, `shapes`, `linalg`, `factor`, `segments` and `nn` hold the
table; `tensor.py`, `tape.py` and `backward.py` follow the calls back; `compiling.py` records a step
(`record.py`, on the tensors of `recorded.py`), as plans where `purity.py` finds core calls alone.
"""

from hotloop._support.names import serve
from hotloop.autodiff import ctc, elementwise, factor, linalg, nn, reductions, segments, shapes
from hotloop.autodiff.compiling import compile
from hotloop.autodiff.rule import RULES, Rule, rule_of
from hotloop.autodiff.tape import GradientTape
from hotloop.autodiff.tensor import Tensor, no_grad

__all__ = [
    "RULES",
    "GradientTape",
    "Rule",
    "Tensor",
    "compile",
    "ctc",
    "elementwise",
    "factor",
    "linalg",
    "nn",
    "no_grad",
    "reductions",
    "rule_of",
    "segments",
    "shapes",
]

serve(__name__)
