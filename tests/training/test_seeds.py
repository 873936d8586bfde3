from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.train import derive
from sdpo_gym.training.seeds import tasks_of_step


def test_seeds_are_what_they_were():
    assert derive(0, "agent") == 2267238090901165622
    assert derive(0, "rollout", 17) != derive(0, "rollout", 18) != derive(1, "rollout", 18)
    assert derive(0, "a", "b") != derive(0, "ab")
    assert derive(0, 1) != derive(0, "1")


@given(st.integers(), st.lists(st.one_of(st.text(), st.integers()), max_size=4))
def test_a_seed_has_63_bits(seed, names):
    assert 0 <= derive(seed, *names) < 2**63


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 20))
def test_an_epoch_meets_each_task_at_most_once(seed, batch, more):
    count = batch + more
    per_epoch = count // batch
    for epoch in range(3):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        met = Counter(p for step in steps for p in tasks_of_step(seed, step, batch, count))
        assert set(met.values()) == {1}
        assert len(met) == per_epoch * batch
        assert set(met) <= set(range(count))


def test_epochs_differ_and_so_do_seeds():
    first, second = ([p for s in range(e * 5, e * 5 + 5) for p in tasks_of_step(3, s, 4, 20)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert tasks_of_step(0, 0, 4, 20) != tasks_of_step(1, 0, 4, 20)
