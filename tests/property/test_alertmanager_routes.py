"""Whom imported policies tell is whom Alertmanager's tree of routes tells, for every tree and every alert."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import alertmanager


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_receivers_are_told_of_every_alert(seed: int) -> None:
    choice = random.Random(seed)
    route = alertmanager.tree(choice)
    found = alertmanager.converted(alertmanager.configuration(route))
    world = alertmanager.World(found)
    for _ in range(12):
        labels = alertmanager.alert(choice)
        expected = sorted(set(alertmanager.receivers(route, labels)) - {"nobody"})
        assert world.told(labels) == expected, (route, labels, found.manifests)
