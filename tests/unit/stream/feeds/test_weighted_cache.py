from hypothesis import given
from hypothesis import strategies as st

from services.stream.feeds.weighted_cache import WeightedCache

BUDGET = 10
keys = st.integers(0, 5)
acts = st.lists(st.one_of(st.tuples(st.just("put"), keys, st.integers(1, 14)), st.tuples(st.sampled_from(["get", "pop"]), keys)))


@given(acts)
def test_what_was_used_last_stays_within_the_budget(acts):
    """The least recently used go, and no more of them than the budget asks for; one that is too heavy stays alone."""
    cache, model = WeightedCache[int, str](BUDGET), {}
    for act, key, *weight in acts:
        if act == "get":
            assert cache.get(key) == (str(key) if key in model else None)
            if key in model:
                model[key] = model.pop(key)
        else:
            model.pop(key, None)
            if act == "pop":
                cache.pop(key)
                continue
            cache.put(key, str(key), *weight)
            model[key] = weight[0]
            while sum(model.values()) > BUDGET and len(model) > 1:
                del model[next(iter(model))]
    assert {key for key in range(6) if cache.get(key)} == set(model)


def test_a_condition_takes_values_out():
    cache = WeightedCache[int, str](BUDGET)
    for key in range(4):
        cache.put(key, str(key), 1)
    cache.pop_where(lambda key, value: key == 1 or value == "2")
    assert [key for key in range(4) if cache.get(key)] == [0, 3]
