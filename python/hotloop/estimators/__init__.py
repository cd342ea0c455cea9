"""Networks as scikit-learn estimators. Needs scikit-learn: ``pip install 'hotloop[sklearn]'``.

`HotloopClassifier` and `HotloopRegressor` go wherever scikit-learn's own estimators go: pipelines,
``cross_val_score``, ``GridSearchCV`` with any number of jobs, ``clone`` and ``pickle``.
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401
except ImportError as error:
    msg = "hotloop.estimators needs scikit-learn: pip install 'hotloop[sklearn]'"
    raise ImportError(msg) from error

from hotloop._support.names import serve
from hotloop.estimators.classifier import HotloopClassifier
from hotloop.estimators.regressor import HotloopRegressor

__all__ = ["HotloopClassifier", "HotloopRegressor"]

serve(__name__)
