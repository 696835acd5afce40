"""Figures, looked at through what matplotlib was told to draw."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import shallownet as sn
from shallownet import plotting


@pytest.fixture
def ax():
    """Axes of a figure that pyplot does not keep."""
    return Figure().add_subplot()


def test_lines_draws_each_array_under_its_label(ax):
    """A curve under another's name is a false statement."""
    x, ys = np.arange(3), [np.array([1.0, 2, 3]), np.array([3.0, 2, 1])]

    same = plotting.lines(ax, x, ys, ["up", "down"])

    assert same is ax
    assert [line.get_label() for line in ax.lines] == ["up", "down"]
    for line, y in zip(ax.lines, ys, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), y)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["up", "down"]


def test_band_draws_the_median_and_two_quantiles(ax):
    """The band is the law; its edges must be those the text names."""
    samples = np.random.default_rng(0).standard_normal((200, 5))

    assert plotting.band(ax, np.arange(5), samples, "He", quantiles=(0.1, 0.9)) is ax

    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(samples, axis=0))
    corners = ax.collections[0].get_paths()[0].vertices
    for k in range(5):
        column = corners[corners[:, 0] == k, 1]
        assert column.min() == pytest.approx(np.quantile(samples[:, k], 0.1))
        assert column.max() == pytest.approx(np.quantile(samples[:, k], 0.9))
    assert to_rgb(ax.collections[0].get_facecolor()[0][:3]) == to_rgb(ax.lines[0].get_color())


def test_two_bands_take_two_colours(ax):
    """Compared on one Axes."""
    for label in ("a", "b"):
        plotting.band(ax, np.arange(3), np.ones((4, 3)), label)

    assert ax.lines[0].get_color() != ax.lines[1].get_color()


@pytest.mark.parametrize(
    "arrays",
    [
        [np.random.default_rng(0).standard_normal((4, 9)), np.zeros((3, 3))],
        [np.zeros(5)],
        [np.full(5, 2.0), np.full((2, 2), 2.0)],
        [np.arange(6)],
    ],
    ids=["random", "all zero", "one value", "integers"],
)
def test_ridges_stack_from_the_top(ax, arrays):
    """Layer 1 at the top; layers of zeros, the book's first example, must not fail."""
    labels = [f"layer {i}" for i in range(len(arrays))]

    assert plotting.ridges(ax, arrays, labels, bins=7) is ax

    ax.figure.canvas.draw()
    ticks = {text.get_text(): text.get_position()[1] for text in ax.get_yticklabels()}
    assert sorted(ticks.values(), reverse=True) == [ticks[label] for label in labels]
    tops = [c.get_paths()[0].vertices[:, 1].max() for c in ax.collections]
    np.testing.assert_allclose(tops, 0.9 - np.arange(len(arrays)))


def test_ridges_keeps_its_limits(ax):
    """The same scale for two figures."""
    plotting.ridges(ax, [np.linspace(-5, 5, 50)], ["x"], limits=(-1, 1))

    assert ax.get_xlim() == (-1, 1)


@pytest.mark.parametrize("value", [None, 0.0, 1.0])
def test_regions_shows_both_classes_and_every_example(ax, value):
    """Also of a classifier that always says the same."""
    X, Y = sn.datasets.xor(40, np.random.default_rng(0))

    def predict(points):
        assert points.shape[0] == 2
        return (points[:1] * points[1:] < 0) * 1.0 if value is None else np.full((1, points.shape[1]), value)

    assert plotting.regions(ax, predict, X, Y) is ax

    ax.figure.canvas.draw()
    drawn = np.concatenate([line.get_xydata() for line in ax.lines])
    np.testing.assert_allclose(sorted(map(tuple, drawn)), sorted(map(tuple, X.T)))
    assert len(ax.lines) == 2
    assert ax.get_aspect() == 1


def test_heatmap_labels_its_grid(ax):
    """Row 0 at the bottom, as on a y axis."""
    values = np.arange(6.0).reshape(2, 3)

    assert plotting.heatmap(ax, values, [1, 10, 100], ["He", "Glorot"]) is ax

    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "10", "100"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["He", "Glorot"]
    np.testing.assert_array_equal(np.ravel(ax.collections[0].get_array()), values.ravel())
    assert len(ax.figure.axes) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: plotting.lines(ax, [1], [[1]], []), r"^lines: .* got 1 and 0$"),
        (lambda ax: plotting.band(ax, [1, 2], np.ones((3, 4))), r"^band: .*\(n_samples, 2\).*got \(3, 4\)$"),
        (lambda ax: plotting.band(ax, [1, 2], np.ones(2)), r"^band: .*got \(2,\)$"),
        (lambda ax: plotting.ridges(ax, [], []), r"^ridges: .*got none$"),
        (lambda ax: plotting.ridges(ax, [[1.0, np.nan]], ["a"]), r"^ridges: .*finite.*got "),
        (lambda ax: plotting.ridges(ax, [[1.0]], ["a", "b"]), r"^ridges: .*got 1 and 2$"),
        (
            lambda ax: plotting.heatmap(ax, np.ones((2, 3)), [1, 2], [1, 2, 3]),
            r"^heatmap: .*\(3, 2\), got \(2, 3\)$",
        ),
        (
            lambda ax: plotting.regions(ax, lambda p: p[:1], np.ones((3, 4)), np.ones((1, 4))),
            r"^regions: X .*\(3, 4\)",
        ),
        (
            lambda ax: plotting.regions(ax, lambda p: p[:1], np.ones((2, 4)), np.ones(4)),
            r"^regions: .*Y.*\(4,\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_told_in_one_line(ax, call, message):
    """As everywhere in the library."""
    with pytest.raises(ValueError, match=message):
        call(ax)


def test_ridges_draw_the_last_bin(ax):
    """A saturated layer piles up in the outermost bins: the right one must be as visible as the left."""
    plotting.ridges(ax, [np.array([-1.0, 1.0])], ["saturated"], bins=10)
    path = ax.collections[0].get_paths()[0].vertices

    right = path[path[:, 0] > 0.85]
    assert right[:, 0].max() == 1.0
    assert np.ptp(right[:, 1]) > 0.8
