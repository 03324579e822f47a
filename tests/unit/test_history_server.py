"""Names by which the history server knows whose event log it reads."""

import pytest

from components.spark.history_server import login_in_pod_names


@pytest.mark.parametrize(("login", "wanted"), [("alice", "alice"), ("Bob@Example.org", "bobexampleorg"), ("a-b_c", "a-bc"), ("x..y", "xy")])
def test_a_login_in_names_of_pods_is_zeppelins(login, wanted):
    """As its own K8sUtilsTest has it: dots and whatever a name may not have are left out."""
    assert login_in_pod_names(login) == wanted
