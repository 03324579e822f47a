"""`python -m review.github comment | issue`: one comment on a pull request, or one issue, found by its marker and edited.

`comment` runs for pull requests of strangers, in a workflow that has rights and runs none of their code. It takes their recordings as data
and makes the report with the code of the default branch. None of their text becomes markup, a path or an address.
"""

import argparse
import datetime as dt
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from policy import rules
from recording import Recording
from review import markdown
from review.report import Report, build
from review.revisions import MAX_BYTES, RevisionError, read
from review.texts import clean

ARTIFACT = "review"
_MEMBER = re.compile(r"([a-z0-9][a-z0-9-]{0,30})\.(base|head)\.(recording\.json|refused\.txt)")
_MEMBERS = 60
_REPORTED_BY = re.compile(r"(cli|layers|preview|policy|recording|review|settings|\.github)/|Makefile$|requirements[^/]*$|Pulumi\.yaml$")
"""Files that influence recordings or reports, besides the program itself."""

DRIFT = "<!-- gaia-dmp: drift -->"


class GitHubError(Exception):
    """The API or the artifact is not as expected; the message says how."""


class GitHub:
    """The few API calls for one repository that are needed here. url, repository, token: as GitHub passes them to a workflow."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", repository):
            raise GitHubError(f"GITHUB_REPOSITORY is {repository!r}; accepted: owner/name")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        # Redirects to the storage of artifacts are followed. httpx does not send the token to another host.
        self._client = httpx.Client(base_url=f"{url.rstrip('/')}/repos/{repository}", headers=headers, timeout=60, follow_redirects=True)
        self.repository = repository

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """One call; its JSON. Raises GitHubError."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise GitHubError(f"{method} {path}: {error}") from None
        if answer.status_code >= 400:
            raise GitHubError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def all(self, path: str, key: str = "", **parameters: str) -> Iterator[Any]:
        """Every item of a list that comes in pages. key: of the list in the answer; "" if the answer is the list."""
        for number in range(1, 1000):
            answer = self.ask("GET", path, params={**parameters, "per_page": "100", "page": str(number)})
            items = answer[key] if key else answer
            yield from items
            if len(items) < 100:
                return

    def download(self, path: str) -> bytes:
        """The content of an address, up to the largest size of a recording. Raises GitHubError."""
        data = bytearray()
        try:
            with self._client.stream("GET", path) as answer:
                if answer.status_code >= 400:
                    raise GitHubError(f"GET {path}: {answer.status_code}")
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > MAX_BYTES:
                        raise GitHubError(f"the artifact has more than {MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise GitHubError(f"GET {path}: {error}") from None
        return bytes(data)


def members(data: bytes) -> dict[str, bytes]:
    """The expected files of an artifact, by name. Nothing is unpacked to disk; links and other names are ignored.

    Raises GitHubError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            found = [each for each in packed.infolist() if _MEMBER.fullmatch(each.filename) or each.filename == "number.txt"]
            if len(found) > _MEMBERS or sum(each.file_size for each in found) > 4 * MAX_BYTES:
                raise GitHubError("the artifact holds more than the recordings of a few stacks")
            result = {}
            for each in found:
                with packed.open(each) as file:
                    # The size in the archive's directory may be wrong.
                    content = file.read(MAX_BYTES + 1)
                if len(content) > MAX_BYTES:
                    raise GitHubError(f"{each.filename} has more than {MAX_BYTES} bytes")
                if (each.external_attr >> 16) & 0o170000 != 0o120000:
                    result[each.filename] = content
            return result
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise GitHubError(f"the artifact cannot be read: {error}") from None


def reports(files: Mapping[str, bytes], today: dt.date) -> list[Report]:
    """Reports on an artifact's recordings, with this code and these waivers. Raises RevisionError."""
    waivers = rules.waivers()
    stacks = sorted({found[1] for name in files if (found := _MEMBER.fullmatch(name))})
    result = []
    for stack in stacks:
        refused = {
            side: files[f"{stack}.{side}.refused.txt"].decode(errors="replace")
            for side in ("base", "head")
            if f"{stack}.{side}.refused.txt" in files
        }
        if refused:
            result.append(Report(stack, "base", "head", refused=refused))
            continue
        sides: list[Recording | None] = [
            read(files[name], stack) if (name := f"{stack}.{side}.recording.json") in files else None for side in ("base", "head")
        ]
        try:
            result.append(build(stack, *sides, base="base", head="head", today=today, waivers=waivers))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            # It has the right format, but no program of ours made it.
            raise RevisionError(f"no program of this project made the recordings of {stack}: {type(error).__name__}") from None
    return result


def comment(github: GitHub, run: int, sha: str, link: str, today: dt.date) -> str:
    """Post, or edit, the comment on the pull request whose head is `sha`. Returns what was done. Raises GitHubError.

    Where no stack changes, nothing is posted; a comment that is there already is edited.
    """
    found = [each for each in github.all(f"/actions/runs/{run}/artifacts", "artifacts") if each["name"] == ARTIFACT]
    if not found:
        return "the run left no recordings"
    files = members(github.download(f"/actions/artifacts/{int(found[0]['id'])}/zip"))
    # A stranger wrote this number. It is only used if that pull request has this very commit.
    number = files.get("number.txt", b"").decode(errors="replace").strip()
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise GitHubError("number.txt does not hold the number of a pull request")
    pull = github.ask("GET", f"/pulls/{number}")
    if pull["head"]["sha"] != sha or pull["base"]["repo"]["full_name"] != github.repository:
        return f"pull request {number} has another commit by now: nothing is posted"
    try:
        made = reports(files, today)
        if not made:
            return "the run left no recordings"
        warning = _warning(github, number)
        quiet = not warning and not any(report.changes or report.refused for report in made)
        text = markdown.comment(made, link, warning)
    except RevisionError as error:
        quiet = False
        text = f"{markdown.MARKER}\n\nThe recordings of this change cannot be read: {markdown.code(clean(error, 500))}\n\n{link}"
    path = f"/issues/{number}/comments"
    # Anybody may write the marker into a comment. Only a bot's comment is ours.
    mine = [each for each in github.all(path) if each["user"]["type"] == "Bot" and str(each["body"]).startswith(markdown.MARKER)]
    if mine:
        github.ask("PATCH", f"/issues/comments/{int(mine[0]['id'])}", json={"body": text})
        return f"edited the comment on pull request {number}"
    if quiet:
        return f"nothing changes: no comment on pull request {number}"
    github.ask("POST", path, json={"body": text})
    return f"commented on pull request {number}"


def _warning(github: GitHub, number: str) -> str:
    """The warning for a change of files that influence this report: such a recording may claim anything."""
    touched = sorted({found[0] for each in github.all(f"/pulls/{number}/files") if (found := _REPORTED_BY.match(str(each["filename"])))})
    return (
        f"This change touches files that influence this report, so the report may be wrong: {', '.join(touched)}. Read these first."
        if touched
        else ""
    )


def drift(folder: Path, stacks: Sequence[str]) -> str:
    """The text of the issue, from the files of the drift runs: `<stack>.txt`, and `<stack>.drifted` if there was drift. "" without any."""
    parts = []
    for stack in stacks:
        said, drifted = folder / f"{stack}.txt", folder / f"{stack}.drifted"
        if drifted.exists() or not said.exists():
            lines = said.read_text(encoding="utf-8").splitlines() if said.exists() else ["The check for drift did not run."]
            # The end has the totals and the errors.
            parts.append(f"### Stack {markdown.code(stack)}\n\n{markdown.fenced([clean(line, 300) for line in lines[-200:]])}")
    return "\n\n".join(parts)


def issue(github: GitHub, title: str, body: str) -> str:
    """Open the one issue on drift, or edit it; close it where `body` is empty. Returns what was done. Raises GitHubError."""
    open_ones = [
        each
        for each in github.all("/issues", state="open", creator="github-actions[bot]")
        if "pull_request" not in each and str(each["body"]).startswith(DRIFT)
    ]
    text = f"{DRIFT}\n\n{body[: markdown.LIMIT - 100]}"
    if not body:
        for each in open_ones:
            github.ask("PATCH", f"/issues/{int(each['number'])}", json={"state": "closed", "state_reason": "completed"})
        return f"closed {len(open_ones)} issues"
    if open_ones:
        github.ask("PATCH", f"/issues/{int(open_ones[0]['number'])}", json={"title": title, "body": text})
        return f"edited issue {open_ones[0]['number']}"
    return f"opened issue {github.ask('POST', '/issues', json={'title': title, 'body': text})['number']}"


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two commands. Returns 0, or 1 if GitHub or the artifact is not as expected."""
    parser = argparse.ArgumentParser(prog="review.github", description="One comment, or one issue, found by its marker and edited.")
    commands = parser.add_subparsers(dest="command", required=True)
    posting = commands.add_parser("comment", help="on a pull request, of the recordings that a run left")
    posting.add_argument("--run", type=int, required=True, help="id of the run")
    posting.add_argument("--sha", required=True, help="commit that the run was of")
    opening = commands.add_parser("issue", help="on drift; closed where there is none")
    opening.add_argument("--title", required=True)
    opening.add_argument("--folder", type=Path, required=True, help="what the refreshes left")
    opening.add_argument("--stack", action="append", required=True)
    options = parser.parse_args(arguments)
    environment = {name: os.environ.get(name, "") for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_SERVER_URL")}
    try:
        github = GitHub(environment["GITHUB_API_URL"], environment["GITHUB_REPOSITORY"], environment["GITHUB_TOKEN"])
        if options.command == "comment":
            run = f"{environment['GITHUB_SERVER_URL']}/{github.repository}/actions/runs/{options.run}"
            link = f"[The whole report, as a page to look at]({run})"
            done = comment(github, options.run, options.sha, link, dt.datetime.now(dt.UTC).date())
        else:
            done = issue(github, options.title, drift(options.folder, options.stack))
    except (GitHubError, rules.WaiversError, OSError, KeyError, TypeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
