"""What the tests of networks that are lists of named tuples share."""

from __future__ import annotations

import numpy as np


def member(params, index):
    """One network of an ensemble."""
    return [type(part)(*(a[index] for a in part)) for part in params]


def flat(params):
    """All arrays of a network."""
    return [a for part in params for a in part]


def assert_each_has_its_own_rate(params, train):
    """Two networks with a rate each learn as either does alone; `train(params, lr=...)`."""
    rates = (0.01, 0.05)

    both = train(params, lr=np.array(rates))

    for i, lr in enumerate(rates):
        alone = train(member(params, i), lr=lr)
        np.testing.assert_allclose(both.history["loss"][:, i], alone.history["loss"], rtol=1e-10)
