"""`python -m shallownet FILE` reports on the parameters in a file: .npz, or .safetensors with the extra `report`."""

import sys
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from shallownet.report import report

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Print a report on a file of arrays, each of any shape.

    Args:
        arguments: The path of one `.npz` or `.safetensors` file.

    Returns:
        0 if the report has no problems, 1 if it has, 2 if the file cannot be read.
    """
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m shallownet FILE.npz|FILE.safetensors", file=sys.stderr)
        return 2
    try:
        found = report(_read(Path(arguments[0])))
    except (OSError, ValueError, TypeError, ImportError, BadZipFile) as error:
        print(f"shallownet: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(found)
    return 1 if found.problems else 0


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return dict(arrays)
    if path.suffix == ".safetensors":
        try:
            from safetensors import SafetensorError
            from safetensors.numpy import load_file
        except ImportError as error:
            raise ImportError('.safetensors needs the package safetensors: pip install "shallownet[report]"') from error
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{path.name} is no file of safetensors: {error}") from error
    raise ValueError(f"the file must be .npz or .safetensors, got {path.name!r}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
