"""What MkDocs cannot do by itself (mkdocs.yaml, `hooks`): scripts from npm in place of a CDN, and pages that stand outside docs/.

Source of the events: https://www.mkdocs.org/dev-guide/plugins/#events.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tests.cloud import tools

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"Runbooks": "runbooks", "Decisions": "decisions"}
"""Sections that list every page of a folder."""

OF_THE_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md")
"""Pages that belong at the root of a repository, and on the site too."""

PROGRAMS = {"how-to/score_catalogue.py": "components/zeppelin/files/score_catalogue.py"}
"""Programs that people download from a page: where they are on the site, and in the repository."""

ALERTS = {"WARNING": "warning", "CAUTION": "danger"}
ALERT = re.compile(r"^> \[!(WARNING|CAUTION)\]\n((?:>.*\n?)+)", re.MULTILINE)
"""A warning as GitHub's Markdown has it, and what MkDocs Material calls each kind."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the sections of FOLDERS, the folder's index first."""
    for section in config.nav or []:
        for title, folder in FOLDERS.items():
            if isinstance(section, dict) and title in section:
                pages = sorted(path.name for path in (ROOT / "docs" / folder).glob("*.md") if path.name != "index.md")
                section[title] = [f"{folder}/{name}" for name in ("index.md", *pages)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the scripts, the programs, and the pages of the root with links as they are inside docs/."""
    for name, source in {"mermaid": tools.mermaid(), "iframe-worker": tools.iframe_worker()}.items():
        files.append(File.generated(config, f"assets/{name}.js", abs_src_path=str(source)))
    for name in OF_THE_ROOT:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text.replace("](docs/", "](")))
    for place, source in PROGRAMS.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn what GitHub shows into what MkDocs shows.

    Links to a page of OF_THE_ROOT and to PROGRAMS; warnings; and what is folded away, inside which Python-Markdown reads only on demand.
    """
    if page.file.src_uri.startswith("decisions/"):
        # Who asks how to do a thing should not find first why it was once decided.
        page.meta["search"] = {"boost": 0.5}
    depth = page.file.src_uri.count("/")
    for name in OF_THE_ROOT:
        markdown = markdown.replace(f"]({'../' * (depth + 1)}{name}", f"]({'../' * depth}{name}")
    for place, source in PROGRAMS.items():
        markdown = markdown.replace(f"]({'../' * (depth + 1)}{source})", f"]({'../' * depth}{place})")
    markdown = ALERT.sub(lambda found: f"!!! {ALERTS[found[1]]}\n" + re.sub(r"^> ?", "    ", found[2], flags=re.MULTILINE), markdown)
    return re.sub(r"<details>(?=<summary>)", '<details markdown="1">', markdown)
