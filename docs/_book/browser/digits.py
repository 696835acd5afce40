"""What the pages use of scikit-learn's datasets: the very same arrays, out of the scikit-learn that built the site."""

import pathlib
from typing import Any

import numpy as np


def load_digits(*, n_class: int = 10, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the 1,797 digits of 8 x 8 pixels."""
    if as_frame:
        raise ValueError("load_digits: as_frame needs pandas, which is not in the browser")
    folder = pathlib.Path(__file__).parent
    target = np.load(folder / "target.npy").astype(np.int64)
    kept = target < n_class
    data, target = np.load(folder / "data.npy").astype(float)[kept], target[kept]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=None,
        feature_names=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)],
        target_names=np.arange(10),
        images=data.reshape(-1, 8, 8),
        DESCR="",
    )


class Bunch(dict[str, Any]):
    """A dict whose items are attributes too."""

    __getattr__ = dict.__getitem__
