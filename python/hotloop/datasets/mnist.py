"""MNIST: 70,000 handwritten digits of 28x28 pixels.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998.
"""

from __future__ import annotations

from hotloop.datasets import _fetch
from hotloop.datasets.idx import Split

__all__ = ["load_data"]

SOURCE = _fetch.Source(
    name="mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://sagemaker-sample-files.s3.amazonaws.com/datasets/image/MNIST/",
    ),
    shapes={
        "x_train": (60000, 28, 28),
        "y_train": (60000,),
        "x_test": (10000, 28, 28),
        "y_test": (10000,),
    },
    # Of the IDX bytes themselves, so that a copy compressed anew, or not at all, is still known.
    content_sha256={
        "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)


def load_data() -> Split:
    """Load MNIST from ``HOTLOOP_DATA_DIR``, the cache or the network, in this order.

    The four IDX files, ``.gz`` or plain, are looked for in ``HOTLOOP_DATA_DIR/mnist``, in ``HOTLOOP_DATA_DIR``
    itself, and in the cache (the ``mnist`` folder in ``HOTLOOP_CACHE_DIR``, by default the system's place for
    caches); what is missing is downloaded into the cache. Wherever a file comes from, its content is checked.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (60000, 28, 28) and (10000, 28, 28), classes (60000,) and (10000,), uint8.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded (an OSError; says where it looked and what to do).
    ValueError
        A file under ``HOTLOOP_DATA_DIR/mnist`` is damaged or is not MNIST.

    Notes
    -----
    Source: LeCun et al., 1998; see the module.

    Examples
    --------
    >>> from hotloop.datasets import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()  # doctest: +SKIP
    """
    return _fetch.load(SOURCE)
