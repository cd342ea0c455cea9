"""Write the digits data file of the package from scikit-learn's copy of the UCI set.

Usage: ``python scripts/make_digits.py [OUTPUT]`` (needs scikit-learn). The bytes written depend
on nothing but the data, the seed below and the zlib in use: the archive carries fixed time stamps.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

# Chosen after looking at the test set, so as to have one of middling difficulty: a 64-256-128-10 ReLU network
# (Adam, 30 epochs) reached 0.967 to 0.997 on the test sets of 13 seeds (0 to 11 and 1998), median 0.983; seed 1
# gives 0.983, seed 0 the easiest of the 13. A figure on these 360 digits is worth what 360 digits can tell.
SEED = 1
SOURCE = (
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; shuffled"
)
DEFAULT = Path(__file__).parent.parent / "python" / "hotloop" / "datasets" / "digits.npz"


def main(argv: list[str]) -> int:
    """Shuffle the 1,797 digits with the recorded seed and store them."""
    output = Path(argv[0]) if argv else DEFAULT
    data = load_digits()
    order = np.random.Generator(np.random.PCG64(SEED)).permutation(len(data.target))
    arrays = {
        "x": data.images.astype(np.uint8)[order],
        "y": data.target.astype(np.uint8)[order],
        "seed": np.array(SEED),
        "source": np.array(SOURCE),
    }
    # np.savez stamps the archive with the time of day; written by hand, the file is reproducible.
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1998, 7, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue(), compresslevel=9)
    sys.stdout.write(f"{output}: {output.stat().st_size} bytes, {len(order)} digits, seed {SEED}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
