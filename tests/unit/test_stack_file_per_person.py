"""The quota holds what a stack file promises to one person."""

import pytest

from tests.support.stack_files import changed, document, refusal, settings_of

WRONG = [
    # stack, key, value, words of the message
    ("dev", "spark.per_person", {"interpreters": 7}, ["per_person.interpreters: 7", "must fit spark.quota.cores 14", "at most 6"]),
    ("dev", "spark.quota.memory_gib", 33, ["per_person.interpreters: 6", "must fit spark.quota.memory_gib 33", "at most 5", "at least 36"]),
    ("dev", "spark.quota.scratch_gib", 48, ["per_person.interpreters: 6", "must fit spark.quota.scratch_gib 48", "at least 56"]),
    ("dev", "spark.quota.pods", 6, ["per_person.interpreters: 6", "must fit spark.quota.pods 6", "at least 7"]),
    ("prod", "spark.per_person.interpreters", 8, ["per_person.interpreters: 8", "spark.quota.memory_gib 240", "8 drivers", "at most 7"]),
]


@pytest.mark.parametrize(("stack", "key", "value", "words"), WRONG, ids=[f"{stack}-{key}-{value}" for stack, key, value, _ in WRONG])
def test_a_promise_that_the_quota_cannot_hold_is_refused(stack, key, value, words):
    message = refusal(changed(stack, key, value))
    assert [word for word in words if word not in message] == []
    assert "1 error; nothing was registered" in message


@pytest.mark.parametrize(
    ("key", "value", "interpreters"),
    [
        # Six drivers and an executor fill the dev stack's quota to the last.
        ("spark.quota.cores", 14, 6),
        ("spark.quota.memory_gib", 36, 6),
        ("spark.quota.scratch_gib", 56, 6),
        ("spark.quota.pods", 7, 6),
        ("spark.per_person", {"interpreters": 2}, 2),
    ],
)
def test_a_quota_that_just_holds_it_is_accepted(key, value, interpreters):
    assert settings_of(changed("dev", key, value)).spark.per_person.interpreters == interpreters


def test_on_a_laptop_idle_interpreters_of_one_person_leave_another_room():
    spark = settings_of(document("local")).spark
    another = spark.driver.cores + spark.max_executors * spark.executor.cores
    assert spark.per_person.interpreters * spark.driver.cores + another == spark.quota.cores
