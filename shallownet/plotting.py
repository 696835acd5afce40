r"""Figures for the book: arrays and an Axes in, the same Axes out.

The only module for which matplotlib is needed (`pip install "shallownet[plot]"`), which makes the Axes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:  # drawing calls the Axes only, and a browser fetches matplotlib when a page first draws
    from matplotlib.axes import Axes

__all__ = ["band", "heatmap", "lines", "regions", "ridges"]


def lines(ax: "Axes", x: ArrayLike, ys: Sequence[ArrayLike], labels: Sequence[str]) -> "Axes":
    """Draw one labelled line for each array of `ys`, and a legend.

    Args:
        ax: Where to draw.
        x: `(n,)`.
        ys: Arrays of shape `(n,)`.
        labels: As many.
    """
    if len(ys) != len(labels):
        raise ValueError(f"lines: ys and labels must be as many, got {len(ys)} and {len(labels)}")
    for y, label in zip(ys, labels, strict=True):
        ax.plot(x, y, label=label)
    ax.legend(frameon=False)
    return ax


def band(
    ax: "Axes",
    x: ArrayLike,
    samples: ArrayLike,
    label: str | None = None,
    quantiles: tuple[float, float] = (0.05, 0.95),
) -> "Axes":
    """Draw the median over samples as a line and two quantiles as a shaded band.

    Args:
        ax: Where to draw; call again for another band in the next colour.
        x: `(n,)`.
        samples: `(n_samples, n)`, for example one row a seed.
        label: For the legend.
        quantiles: Lower and upper edge.
    """
    samples = np.asarray(samples)
    if samples.ndim != 2 or samples.shape[1:] != np.shape(x):
        raise ValueError(f"band: samples must be (n_samples, {np.size(x)}) to fit x, got {samples.shape}")
    low, middle, high = np.quantile(samples, [quantiles[0], 0.5, quantiles[1]], axis=0)
    (line,) = ax.plot(x, middle, label=label)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    if label is not None:
        ax.legend(frameon=False)
    return ax


def ridges(
    ax: "Axes",
    arrays: Sequence[ArrayLike],
    labels: Sequence[str],
    bins: int = 61,
    limits: tuple[float, float] | None = None,
) -> "Axes":
    """Draw one histogram above the other, the first at the top, each to the same height.

    Args:
        ax: Where to draw.
        arrays: Values of any shape, one array a row.
        labels: As many, written at the left.
        bins: Number of bins over `limits`.
        limits: Range of the values; that of all arrays if None.
    """
    if len(arrays) != len(labels):
        raise ValueError(f"ridges: arrays and labels must be as many, got {len(arrays)} and {len(labels)}")
    if not len(arrays):
        raise ValueError("ridges: arrays must hold at least one, got none")
    flat = [np.ravel(values) for values in arrays]
    everything = np.concatenate(flat)
    if not np.isfinite(everything).all():
        raise ValueError("ridges: arrays must be finite, got NaN or infinity")
    edges = np.histogram_bin_edges(everything, bins, limits)  # also of a single value, such as all zeros
    for row, values in enumerate(flat):
        counts, _ = np.histogram(values, edges)
        # a step holds until the next edge, so the last height stands at the last edge as well
        top = -row + 0.9 * np.append(counts, counts[-1]) / max(counts.max(), 1)
        ax.fill_between(edges, -row, top, step="post", color="C0", alpha=0.6, linewidth=0)
        ax.axhline(-row, color="gray", linewidth=0.5)
    ax.set_yticks(-np.arange(len(flat)), labels)
    ax.set_xlim(edges[0], edges[-1])
    return ax


def regions(ax: "Axes", predict: Callable[[np.ndarray], np.ndarray], X: ArrayLike, Y: ArrayLike) -> "Axes":
    """Shade where a classifier of the plane says 1, draw its boundary and the examples.

    Args:
        ax: Where to draw.
        predict: `(2, n)` points to `(1, n)` probabilities.
        X: `(2, m)`.
        Y: `(1, m)` of 0 and 1.
    """
    X, Y = np.asarray(X), np.asarray(Y)
    if X.shape[:-1] != (2,) or Y.shape != (1, *X.shape[1:]):
        raise ValueError(f"regions: X and Y must be (2, m) and (1, m), got {X.shape} and {Y.shape}")
    span = 1.1 * float(np.abs(X).max())
    grid = np.linspace(-span, span, 121)
    points = np.stack(np.meshgrid(grid, grid)).reshape(2, -1)
    P = predict(points).reshape(len(grid), len(grid))
    ax.contourf(grid, grid, P, levels=[-np.inf, 0.5, np.inf], colors=["C0", "C1"], alpha=0.25)
    if P.min() < 0.5 < P.max():
        ax.contour(grid, grid, P, levels=[0.5], colors="black", linewidths=1)
    for value, marker in ((0, "o"), (1, "s")):
        chosen = X[:, Y[0] == value]
        ax.plot(*chosen, marker, color=f"C{value}", markersize=3, linestyle="none")
    ax.set_aspect("equal")
    return ax


def heatmap(ax: "Axes", values: ArrayLike, x: Sequence[object], y: Sequence[object]) -> "Axes":
    """Draw a grid of values as colours, with a colour bar.

    Args:
        ax: Where to draw.
        values: `(len(y), len(x))`.
        x: Labels of the columns.
        y: Labels of the rows, the first at the bottom.
    """
    values = np.asarray(values)
    if values.shape != (len(y), len(x)):
        raise ValueError(f"heatmap: values must be {(len(y), len(x))}, got {values.shape}")
    mesh = ax.pcolormesh(values, cmap="viridis")
    ax.set_xticks(np.arange(len(x)) + 0.5, [str(label) for label in x])
    ax.set_yticks(np.arange(len(y)) + 0.5, [str(label) for label in y])
    ax.figure.colorbar(mesh, ax=ax)
    return ax
