"""What is said of something that stands already, and which answers of Swift say that a bucket does."""

from types import SimpleNamespace

import pulumi
import pytest
import requests

from components.names import whose
from components.openstack import first_look

SHARE, BUCKET, ADDRESS = first_look.SHARE, first_look.BUCKET, first_look.ADDRESS
MARK = "gaia-dmp-prod"


@pytest.fixture(autouse=True)
def prod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_project", lambda: "gaia-dmp")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")


def words(type_: str, name: str, owner: str = MARK) -> str:
    made = pulumi.ResourceHookArgs("urn", "", name, type_, new_inputs={"name": "n", "description": "n"})
    return first_look._stands(made, first_look._KINDS[type_], "1-2", owner, "red")


@pytest.mark.parametrize("name", ["backup-share", "history-share"])
def test_a_share_that_no_setting_takes_over_is_put_aside(name: str) -> None:
    said = words(SHARE, name)
    assert "openstack share set --name <other name> 1-2" in said
    assert "adopt" not in said
    assert "space_share" not in said


def test_a_persons_space_is_taken_over_or_put_aside() -> None:
    said = words(SHARE, "user-admin-share")
    assert "space_share: 1-2" in said
    assert "the administrator or the smoke test" in said
    assert "openstack share set --name <other name> 1-2" in said


def test_a_share_that_was_asked_for_twice_is_told_with_the_one_to_remove() -> None:
    made = pulumi.ResourceHookArgs("urn", "kept", "data-sample-share", SHARE, new_inputs={"name": "n"})

    def look(*others: SimpleNamespace) -> None:
        shares = [SimpleNamespace(id="kept", name="n", status="available", metadata={"stack": MARK}), *others]
        cloud = SimpleNamespace(shared_file_system=SimpleNamespace(shares=lambda **_: shares))
        first_look._stands_once(made, cloud, made.new_inputs or {})

    look()
    look(SimpleNamespace(id="theirs", name="n", status="available", metadata={"stack": "gaia-dmp-other"}))
    with pytest.raises(ValueError, match=r"kept is in the state\.\n.*openstack share delete twin$"):
        look(SimpleNamespace(id="twin", name="n", status="available", metadata={"stack": MARK}))


@pytest.mark.parametrize("name", ["notebooks-share", "data-sample-share"])
def test_notebooks_and_datasets_are_adopted(name: str) -> None:
    assert "{kind: adopt, share: 1-2}" in words(SHARE, name)


@pytest.mark.parametrize("type_", sorted(first_look._KINDS))
def test_what_is_anothers_is_not_offered(type_: str) -> None:
    said = words(type_, "data-sample-share", "gaia-dmp-other")
    assert "it carries the mark of stack gaia-dmp-other" in said
    assert [word for word in ("delete", "adopt", "gaia resume", "container set") if word in said] == []


def test_a_replacement_is_told_what_keeps_the_old_one() -> None:
    assert "about to be replaced" in words(ADDRESS, "network-public-address")
    assert "external_network back" in words(ADDRESS, "network-public-address")
    assert "share_type and availability_zone back" in words(SHARE, "data-sample-share")


def test_a_bucket_of_an_earlier_version_is_marked() -> None:
    said = words(BUCKET, "buckets-n", "")
    assert "openstack container set --property stack=gaia-dmp-prod 1-2" in said
    assert "gaia resume" not in said


def test_whose_it_is() -> None:
    assert whose([MARK, "gaia-dmp-a"], {}, MARK) == MARK
    assert whose(["blue", "gaia-dmp-a"], {}, MARK) == "gaia-dmp-a"
    assert whose(["blue"], {}, MARK) == ""
    assert whose((), {"stack": "other-prod"}, MARK) == "other-prod"


class TestBuckets:
    def found(self, status: int, owner: str = "") -> first_look.Found:
        """What is found where Swift answers so."""
        answer = requests.Response()
        answer.status_code = status
        answer.headers.update({"x-container-meta-stack": owner} if owner else {})
        cloud = SimpleNamespace(object_store=SimpleNamespace(head=lambda *_, **__: answer))
        return first_look._buckets(cloud, {"name": "n"}, MARK)

    def test_only_404_says_that_there_is_none(self) -> None:
        assert self.found(404) == {}
        assert self.found(204) == {"n": ""}
        assert self.found(200, "gaia-dmp-other") == {"n": "gaia-dmp-other"}
        assert self.found(204, MARK) == {}

    @pytest.mark.parametrize("status", [301, 401, 403, 500, 503])
    def test_what_says_neither_raises(self, status: int) -> None:
        with pytest.raises(ValueError, match=f"container n: Swift answers {status}"):
            self.found(status)
