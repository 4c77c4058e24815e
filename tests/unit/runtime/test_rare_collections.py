import gc

import pytest

from services.runtime.rare_collections import rare_collections


def test_the_thresholds_are_those_from_before_when_the_block_ends():
    """However it ends: what else runs in the process counts on them."""
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        # Inside they are higher, and the division fails.
        assert 1 / (gc.get_threshold()[0] <= before[0])
    assert gc.get_threshold() == before
