"""What the project says of itself holds: its tree, its links, its version, what travels in the package."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import vivavoce

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "vivavoce"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
PAGES += sorted(SOURCE.rglob("*.md"))


def tracked() -> list[Path]:
    """The files under version control; everything in the folder where there is none."""
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a clone")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_the_tree_in_the_readme_is_the_tree() -> None:
    block = re.search(r"```\n(src/vivavoce/\n.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert block
    inside = set(re.findall(r"^  ([\w./]+)", block[1], re.M))
    outside = set(re.findall(r"^(\w[\w./]*)", block[1], re.M)) - {"src/vivavoce/"}
    there = {path.name + "/" for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    there |= {path.name for path in SOURCE.glob("*.py") if not path.name.startswith("__")}
    assert inside == there
    folders = {path.relative_to(ROOT).parts[0] + "/" for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert outside == {name for name in folders if not name.startswith(".")} - {"src/"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_changelog_knows_this_version() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest
    assert newest[1] == vivavoce.__version__


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_nobodys_own_paths() -> None:
    own = re.compile(r"(?<![\w.])/(home|root|Users)/\w+")
    for path in tracked():
        if path.suffix in (".py", ".md", ".toml", ".txt", ".json", ".jsonl", ".svg", ".html", "") and path != Path(
            __file__
        ):
            found = own.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)} names {found[0] if found else ''}"


def test_bundles_are_small_and_have_cards() -> None:
    folders = [path for path in (SOURCE / "assets").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "bundle.json").is_file()
        card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert all(word in card for word in ("licence", "hours", "Word error", "bad at"))
    assert sum(path.stat().st_size for path in (SOURCE / "assets").rglob("*") if path.is_file()) < 40e6


def test_types_travel_with_the_package() -> None:
    assert (SOURCE / "py.typed").is_file()
