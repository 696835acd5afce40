"""What a block prints beside what the page shows: what a reader calls equal, and what different."""

from __future__ import annotations

import pytest
from _book.compare import difference


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("0.333", "0.3333333"),
        ("0.3", "0.35"),
        ("1.", "1.0"),
        ("1e-05", "1.4e-05"),
        ("2.50e3", "2504.9"),
        ("[1.  , 0.25]", "[1.    , 0.2512]"),
        ("-0.0", "-0.04"),
        ("1e3", "1400.0"),
        ("a  b \n\n  c\n", "a  b\n\n  c   \n\n"),
        ("{'loss': 0.25}", "{'loss': 0.2514}"),
        ("the network's 0.5, it's", "the network's 0.52, it's"),
        ("[1.   0.25]", "[1.     0.2512]"),
        ("[[ nan, 0.25],\n [0.5 , 1.  ]]", "[[   nan, 0.2512],\n [0.5   , 1.    ]]"),
        ("nan inf", "nan inf"),
        ("numpy 2.4.6", "numpy 2.4.6"),
        ("the loss is 0.25.", "the loss is 0.2514."),
        ("x = 12.5%", "x = 12.49%"),
    ],
)
def test_outputs_a_reader_calls_equal(shown: str, printed: str) -> None:
    """A platform's last bit must not break a page."""
    assert difference(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("0.333", "0.3336"),
        ("[1., 1.]", "[1.6, 0.4]"),
        ("[1., 0.]", "[1.4, 0.4]"),
        ("1.0", "1"),
        ("1", "1.0"),
        ("100", "101"),
        ("True", "False"),
        ("True", "1"),
        ("nan", "0.0"),
        ("inf", "-inf"),
        ("1e-05", "1.6e-05"),
        ("0.5", "-0.5"),
        ("1.5 2.5", "1.5"),
        ("numpy 2.4.6", "numpy 2.4.7"),
        ("float32", "float64"),
        ("W1", "W2"),
        ("", "2"),
        ("2", ""),
        ("1.5", "1.5e1"),
        ("ab", "a b"),
        ("a b", "a  b"),
        ("a b", "a\nb"),
        ("  a", "a"),
        ("a\n\nb", "a\nb"),
        ("a\nb", "a"),
        ("0.0", "-0.04"),
        ("0.0", "-0.0"),
        ("-0.0", "0.0"),
        ("+0.5", "0.5"),
        ("1e3", "1600.0"),
        ("1.0e3", "1400.0"),
        ("'0.5'", "'0.52'"),
        ("['0.5', 0.5]", "['0.52', 0.52]"),
        ("1.0  2.0", "1.0   2.0"),
        ("[1,  2]", "[1, 2]"),
        ("[ 0.5]", "[0.5]"),
        ("[1.0]\n1.0  2", "[1.0]\n1.0 2"),
        ("<BLANKLINE>", ""),
    ],
)
def test_outputs_a_reader_calls_different(shown: str, printed: str) -> None:
    """Strict to the digits shown: half a unit of the last place, and no more."""
    assert difference(shown, printed)
