"""Data sets to learn on: `digits` (inside the package), `mnist` and `fashion_mnist`.

Each module has ``load_data() -> (x_train, y_train), (x_test, y_test)``, uint8 arrays. `digits` needs nothing;
the other two are looked for in ``HOTLOOP_DATA_DIR``, then in the cache, and are downloaded at last.
"""

from hotloop._support.names import serve
from hotloop.datasets import digits, fashion_mnist, mnist
from hotloop.datasets._fetch import DatasetNotFoundError
from hotloop.datasets.idx import load_folder, read_idx

__all__ = ["DatasetNotFoundError", "digits", "fashion_mnist", "load_folder", "mnist", "read_idx"]

serve(__name__)
