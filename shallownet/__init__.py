"""How should a neural network's weights start? The small library under the book.

A network is a list of layers `(W, b)`; examples are the columns of `X`; every function broadcasts
over leading axes, so one network and ten thousand are the same code.

- `init_params`, `forward`, `backward`, `train`: a network, its two passes, its training; `Layer` and `Trace` are what
  a network and a forward pass are made of.
- `initializers`: every scheme the book compares, each `(shape, rng) -> W`.
- `activations`, `losses`: small records of a function `f` and its exact derivative `df`.
- `diagnostics`: what to look at, from tied units to singular values.
- `meanfield`: the theory of depth: lengths, correlations, and the edge between order and chaos.
- `report`: what a start looks like, in any framework, and what is wrong with it.
- `sweep`: a grid of settings as a few large ensembles, on one core or on a cluster.
- `datasets`: generated data, in two dimensions and of tokens; nothing is downloaded.
- `shallownet.residual`: residual nets, with and without normalisation; import it by name.
- `shallownet.transformer`: transformers, their norm in front, behind or nowhere; import it by name.
- `shallownet.plotting`: figures; import it by name, since it needs matplotlib.

Examples:
    >>> import numpy as np
    >>> import shallownet as sn
    >>> rng = np.random.default_rng(0)
    >>> X, Y = sn.datasets.xor(200, rng)
    >>> params = sn.init_params([2, 4, 1], sn.initializers.glorot, rng, ensemble=(20,))
    >>> params, history = sn.train(params, X, Y, steps=500, lr=0.5)
    >>> bool(np.median(history["loss"][-1]) < 0.5 * np.median(history["loss"][0]))
    True
"""

from shallownet import activations, datasets, diagnostics, initializers, losses, meanfield, sweep
from shallownet.network import Layer, Trace, backward, forward, init_params
from shallownet.report import report
from shallownet.training import train

__all__ = [
    "Layer",
    "Trace",
    "activations",
    "backward",
    "datasets",
    "diagnostics",
    "forward",
    "init_params",
    "initializers",
    "losses",
    "meanfield",
    "report",
    "sweep",
    "train",
]
