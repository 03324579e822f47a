"""The comment and the issue, against a local fake of the few calls of GitHub's API that they make."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from recording import RecordedResource, Recording
from review import github, markdown
from review.github import DRIFT, GitHub, GitHubError, comment, drift, issue, main, members
from tests.support.review import TODAY
from tests.support.servers import Quiet

REPOSITORY, SHA = "wfau/gaia-dmp", "a" * 40


class Fake(ThreadingHTTPServer):
    """One repository: comments, issues, one run's artifacts and one pull request; and who asked for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.artifact = b""
        self.pull = {"head": {"sha": SHA}, "base": {"repo": {"full_name": REPOSITORY}}}
        self.files = ["Pulumi.dev.yaml", "components/zeppelin/server.py", "docs/review/x.md"]
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(Quiet):
    server: Fake  # pyright: ignore[reportIncompatibleVariableOverride]

    def answer(self, body: Any, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((self.command, parts.path, self.headers.get("Authorization", "")))
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        path = parts.path.removeprefix(f"/repos/{REPOSITORY}")

        def page(items: list[Any]) -> list[Any]:
            number, length = int(query.get("page", 1)), int(query.get("per_page", 30))
            return items[(number - 1) * length : number * length]

        if path == "/actions/runs/7/artifacts":
            self.answer({"artifacts": page([{"name": "other", "id": 1}, {"name": "review", "id": 2}] if self.server.artifact else [])})
        elif path == "/actions/artifacts/2/zip":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/store/2")
            self.end_headers()
        elif path == "/store/2":
            self.answer(self.server.artifact)
        elif path == "/pulls/12":
            self.answer(self.server.pull)
        elif path == "/pulls/12/files":
            self.answer(page([{"filename": name} for name in self.server.files]))
        elif path == "/issues/12/comments" and self.command == "GET":
            self.answer(page(self.server.comments))
        elif path == "/issues/12/comments":
            self.server.comments.append({"id": 900, "user": {"type": "Bot"}, **body})
            self.answer(self.server.comments[-1], 201)
        elif found := re.fullmatch(r"/issues/comments/(\d+)", path):
            next(each for each in self.server.comments if each["id"] == int(found[1])).update(body)
            self.answer({})
        elif path == "/issues" and self.command == "GET":
            self.answer(page([each for each in self.server.issues if each["state"] == query["state"]]))
        elif path == "/issues":
            self.server.issues.append({"number": 40, "state": "open", **body})
            self.answer(self.server.issues[-1], 201)
        elif found := re.fullmatch(r"/issues/(\d+)", path):
            next(each for each in self.server.issues if each["number"] == int(found[1])).update(body)
            self.answer({})
        else:
            self.answer({"message": "Not Found"}, 404)

    do_GET = do_POST = do_PATCH = handle_one


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def client(fake: Fake) -> GitHub:
    return GitHub(fake.url, REPOSITORY, "token-of-the-run")


def packed(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            if name in links:
                entry.external_attr = 0o120777 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def recorded(size: int) -> bytes:
    kind = "openstack:sharedfilesystem/share:Share"
    urn = f"urn:pulumi:dev::gaia-dmp::{kind}::notebooks-share"
    share = RecordedResource(urn, kind, "notebooks-share", "", "", True, {"size": size, "metadata": {"stack": "x"}}, [], {}, {})
    return Recording("gaia-dmp", "dev", "preview", [share]).to_json().encode()


def artifact(**more: bytes) -> bytes:
    files = {"number.txt": b"12\n", "dev.base.recording.json": recorded(2), "dev.head.recording.json": recorded(1)}
    return packed(files | {key.replace("__", "."): value for key, value in more.items()})


class TestTheComment:
    def test_is_made_of_the_recordings(self, fake):
        fake.artifact = artifact()
        assert comment(client(fake), 7, SHA, "[all](https://x)", TODAY) == "commented on pull request 12"
        assert fake.comments[0]["body"].startswith(markdown.MARKER)
        assert "notebooks-share would be made smaller" in fake.comments[0]["body"]

    def test_says_first_that_the_change_touches_what_reports_on_it(self, fake):
        fake.artifact = artifact()
        comment(client(fake), 7, SHA, "", TODAY)
        assert "CAUTION" not in fake.comments[0]["body"]
        fake.files += [f"docs/{number}.md" for number in range(150)] + ["preview/recorder.py", "policy/waivers.yaml", "Makefile"]
        comment(client(fake), 7, SHA, "", TODAY)
        assert "so the report may be wrong: Makefile, policy/, preview/." in fake.comments[0]["body"]
        assert fake.comments[0]["body"].index("CAUTION") < fake.comments[0]["body"].index("| stack |")

    def test_is_edited_where_it_is_whatever_page_it_is_on(self, fake):
        fake.artifact = artifact()
        fake.comments = [{"id": number, "user": {"type": "User"}, "body": "talk"} for number in range(250)]
        fake.comments.append({"id": 800, "user": {"type": "Bot"}, "body": f"{markdown.MARKER} earlier"})
        assert comment(client(fake), 7, SHA, "", TODAY) == "edited the comment on pull request 12"
        assert (len(fake.comments), fake.comments[-1]["id"]) == (251, 800)
        assert "made smaller" in fake.comments[-1]["body"]

    def test_of_a_stranger_who_knows_the_marker_is_left_alone(self, fake):
        fake.artifact = artifact()
        fake.comments = [{"id": 5, "user": {"type": "User"}, "body": f"{markdown.MARKER} all is well"}]
        comment(client(fake), 7, SHA, "", TODAY)
        assert [each["id"] for each in fake.comments] == [5, 900]
        assert fake.comments[0]["body"].endswith("all is well")

    def test_is_not_posted_where_nothing_changes_but_brings_an_earlier_one_up_to_date(self, fake):
        fake.artifact = artifact(dev__head__recording__json=recorded(2))
        assert comment(client(fake), 7, SHA, "", TODAY) == "nothing changes: no comment on pull request 12"
        assert fake.comments == []
        fake.comments = [{"id": 800, "user": {"type": "Bot"}, "body": f"{markdown.MARKER} earlier"}]
        assert comment(client(fake), 7, SHA, "", TODAY) == "edited the comment on pull request 12"
        assert "Nothing changes." in fake.comments[0]["body"]

    def test_is_posted_where_nothing_changes_but_what_reports_on_it(self, fake):
        fake.artifact = artifact(dev__head__recording__json=recorded(2))
        fake.files = ["preview/recorder.py"]
        assert comment(client(fake), 7, SHA, "", TODAY) == "commented on pull request 12"
        assert "may be wrong" in fake.comments[0]["body"]

    def test_is_not_posted_where_the_pull_request_is_at_another_commit(self, fake):
        fake.artifact = artifact()
        assert "another commit" in comment(client(fake), 7, "b" * 40, "", TODAY)
        assert fake.comments == []

    def test_is_not_posted_on_a_pull_request_of_another_repository(self, fake):
        fake.artifact = artifact()
        fake.pull["base"] = {"repo": {"full_name": "evil/gaia-dmp"}}
        assert "nothing is posted" in comment(client(fake), 7, SHA, "", TODAY)

    @pytest.mark.parametrize("number", [b"", b"12; rm", b"../12", b"-1", b"12/merge", b"\xff"])
    def test_takes_a_number_alone(self, fake, number):
        fake.artifact = artifact(number__txt=number)
        with pytest.raises(GitHubError, match=r"number\.txt"):
            comment(client(fake), 7, SHA, "", TODAY)

    def test_says_that_a_recording_cannot_be_read(self, fake):
        fake.artifact = artifact(dev__head__recording__json=b"{")
        comment(client(fake), 7, SHA, "", TODAY)
        assert "cannot be read" in fake.comments[0]["body"]

    @pytest.mark.parametrize(
        "inputs", [{"kind": "Service", "spec": "x"}, {"kind": "NetworkPolicy", "spec": 7}, {"kind": "Deployment", "spec": {"template": 1}}]
    )
    def test_says_that_no_program_of_ours_made_a_recording(self, fake, inputs):
        role = RecordedResource(
            "urn:pulumi:dev::p::kubernetes:x:Y::a", "kubernetes:x:Y", "a", "", "", True, inputs | {"metadata": {}}, [], {}, {}
        )
        recording = Recording("gaia-dmp", "dev", "preview", [role]).to_json().encode()
        fake.artifact = artifact(dev__head__recording__json=recording)
        comment(client(fake), 7, SHA, "", TODAY)
        assert "no program of this project made" in fake.comments[0]["body"]

    def test_of_a_stack_file_that_is_refused_says_so(self, fake):
        fake.artifact = packed({"number.txt": b"12", "dev.head.refused.txt": b"Pulumi.dev.yaml: 1 error"})
        comment(client(fake), 7, SHA, "", TODAY)
        assert "refuses its stack file" in fake.comments[0]["body"]

    def test_waits_for_nothing_where_the_run_left_nothing(self, fake):
        assert comment(client(fake), 7, SHA, "", TODAY) == "the run left no recordings"
        fake.artifact = packed({"number.txt": b"12"})
        assert comment(client(fake), 7, SHA, "", TODAY) == "the run left no recordings"
        assert fake.comments == []

    def test_the_token_stays_with_the_api(self, fake):
        fake.artifact = artifact()
        comment(client(fake), 7, SHA, "", TODAY)
        assert {token for _, path, token in fake.asked if path.startswith("/repos/")} == {"Bearer token-of-the-run"}
        assert [token for _, path, token in fake.asked if path == "/store/2"] == [""]


class TestTheArtifact:
    def test_has_other_names_and_links_left_alone(self):
        files = {"dev.head.recording.json": b"/etc/passwd", "../../evil": b"x", "Pulumi.dev.yaml": b"x", "a/dev.head.recording.json": b"x"}
        assert members(packed(files, links=("dev.head.recording.json",))) == {}

    def test_is_bounded(self):
        with pytest.raises(GitHubError, match="more than"):
            members(packed({"dev.head.recording.json": b" " * (github.MAX_BYTES + 1)}))
        with pytest.raises(GitHubError, match="more than the recordings of a few stacks"):
            members(packed({f"s{number}.head.recording.json": b"{}" for number in range(61)}))

    @pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all"])
    def test_is_a_zip(self, data):
        with pytest.raises(GitHubError, match="cannot be read"):
            members(data)


class TestTheIssue:
    def drifted(self, tmp_path, *stacks: str) -> str:
        for stack in ("dev", "prod"):
            (tmp_path / f"{stack}.txt").write_text("~ openstack:networking:Network network-network\n")
        for stack in stacks:
            (tmp_path / f"{stack}.drifted").touch()
        return drift(tmp_path, ["dev", "prod"])

    def test_is_opened_once_edited_and_closed(self, fake, tmp_path):
        assert issue(client(fake), "drift", self.drifted(tmp_path, "prod")) == "opened issue 40"
        assert "network-network" in fake.issues[0]["body"]
        assert "`dev`" not in fake.issues[0]["body"]
        assert issue(client(fake), "drift", self.drifted(tmp_path, "dev", "prod")) == "edited issue 40"
        assert "`dev`" in fake.issues[0]["body"]
        for file in tmp_path.glob("*.drifted"):
            file.unlink()
        assert issue(client(fake), "drift", self.drifted(tmp_path)) == "closed 1 issues"
        assert [each["state"] for each in fake.issues] == ["closed"]

    def test_is_opened_where_a_refresh_did_not_run(self, tmp_path):
        assert "did not run" in drift(tmp_path, ["dev"])

    def test_another_issue_is_left_alone(self, fake):
        fake.issues = [{"number": 3, "state": "open", "body": "mine"}, {"number": 4, "state": "open", "body": DRIFT, "pull_request": {}}]
        assert issue(client(fake), "drift", "") == "closed 0 issues"


def test_the_command(fake, monkeypatch, capsys):
    fake.artifact = artifact()
    for name, value in (("API_URL", fake.url), ("REPOSITORY", REPOSITORY), ("TOKEN", "t"), ("SERVER_URL", "https://github.example")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert main(["comment", "--run", "7", "--sha", SHA]) == 0
    assert "https://github.example/wfau/gaia-dmp/actions/runs/7" in fake.comments[0]["body"]
    monkeypatch.setenv("GITHUB_REPOSITORY", "no repository")
    assert main(["comment", "--run", "7", "--sha", SHA]) == 1
    assert "accepted: owner/name" in capsys.readouterr().err
