"""A policy for many people is one that an API server takes."""

from dataclasses import replace

import pytest

from components.spark.admission_rules import driver_rules, server_rules, variables
from tests.support.notebooks import PODS

MOST = 100_000
"""Signs of an expression in CEL (cel-go: parser/options.go, expressionSizeCodePointLimit)."""


@pytest.mark.parametrize("rules", [driver_rules, server_rules])
def test_no_expression_is_too_long_for_two_thousand_people_with_the_longest_names(rules):
    people = {f"{number:040}": f"{number:040}" for number in range(2000)}
    pods = replace(PODS, user_space=True, history=True, identities=replace(PODS.identities, people=people))
    assert [len(expression) for expression, _ in rules(pods) if len(expression) > MOST] == []
    (names,) = variables(pods).values()
    assert (len(names) < MOST, f'"{1999:040}"' in names) == (True, True)
