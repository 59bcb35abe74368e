import re
import tomllib
from pathlib import Path

import click
import pytest

from openyard_infra.cli import main
from openyard_platform.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def commands(group: click.Group, before: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for name, command in group.commands.items():
        found.add((*before, name))
        if isinstance(command, click.Group):
            found |= commands(command, (*before, name))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_repository_leads_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    inside = [link.partition("#")[0] for link in links if "://" not in link]

    assert [link for link in inside if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_named_exists(page: Path):
    known = commands(main)
    named = re.findall(r"`openyard ([a-z]+)((?: [a-z-]+)?)", page.read_text("utf-8"))

    for first, second in named:
        assert (first,) in known
        if isinstance(main.commands[first], click.Group) and second:
            assert (first, second.strip()) in known


def test_every_dependency_has_its_reason():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]}
    rows = re.findall(r"^\| (\S+) \|", text("docs/decisions/0002-dependencies.md"), re.MULTILINE)

    assert wanted == set(rows) - {"Package", "---"}


def test_every_setting_is_documented_with_its_default():
    rows = dict(
        re.findall(r"^\| `(OPENYARD_\w+)` \| ([^|]+) \|", text("docs/operations.md"), re.MULTILINE)
    )
    required = Settings.__struct_fields__[: -len(Settings.__struct_defaults__)]
    defaults = dict(
        zip(Settings.__struct_fields__[len(required) :], Settings.__struct_defaults__, strict=True)
    )

    assert set(rows) == {f"OPENYARD_{name.upper()}" for name in Settings.__struct_fields__}
    for name, default in defaults.items():
        wanted = "empty" if default == "" else f"`{default}`"
        assert rows[f"OPENYARD_{name.upper()}"] == wanted
    for name in required:
        assert rows[f"OPENYARD_{name.upper()}"] == "required"


def test_every_table_is_named_in_the_architecture():
    folder = ROOT / "platform" / "openyard_platform" / "store" / "migrations"
    sql = "\n".join(file.read_text("utf-8") for file in sorted(folder.glob("*.sql")))
    tables = set(re.findall(r"^CREATE TABLE (\w+)", sql, re.MULTILINE))
    section = text("docs/architecture.md").partition("## Tables")[2].partition("\n## ")[0]

    assert tables <= set(re.findall(r"`(\w+)`", section))


def test_the_readme_names_the_two_commands():
    assert "make up" in text("README.md")
    assert "make test" in text("README.md")
