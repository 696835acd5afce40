"""What docs/frameworks/index.md says of scikit-learn, asked of scikit-learn itself (the browser's has no networks)."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor


@pytest.mark.parametrize("model", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(("activation", "share"), [("relu", 1), ("tanh", 1), ("logistic", 1 / 3)])
def test_scikit_learn_draws_what_the_table_says(model: type, activation: str, share: float) -> None:
    """Weights and biases are uniform within the same bound; one step at a rate of almost nothing shows them."""
    n_in, n_out = 200, 400
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, n_in)), np.arange(20) % 2
    classes = {"classes": [0, 1]} if model is MLPClassifier else {}

    net = model(
        hidden_layer_sizes=(n_out,), activation=activation, solver="sgd", learning_rate_init=1e-9, random_state=0
    ).partial_fit(X, y, **classes)

    W, b = net.coefs_[0], net.intercepts_[0]
    bound = np.sqrt(6 * share / (n_in + n_out))
    assert abs(W.var() / (bound**2 / 3) - 1) < 0.02  # the sampling error is about 0.003
    for drawn, low in ((W, 0.999), (b, 0.97)):
        assert low * bound < np.abs(drawn).max() < 1.001 * bound
