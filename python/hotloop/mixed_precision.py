"""Keras's ``mixed_precision``: policies are taken, and everything is computed in one dtype.

Examples
--------
>>> global_policy().name
'float32'
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.config import DTypePolicy, dtype_policy, set_dtype_policy
from hotloop.optimizers import LossScaleOptimizer

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

serve(__name__)
