"""The pages lead somewhere, their commands exist, and they name nothing of anybody's machine."""

import re
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from example_package import EXAMPLE, ROOT
from pages import anchors, commands, links, pages

from exporters.registry import sources
from flows.cli import cli

PAGES = pages()

EXTERNAL = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)

NOT_FOR_PAGES = {
    "a folder of somebody's machine": re.compile(r"(?<![\w.-])/(?:root|work|tmp)/\w"),
    "a package index": re.compile(
        r"--(?:extra-)?index-url|--registry\b|/simple/?\b|\bproxy\.golang\b|npmjs|\bnexus\b|artifactory",
        re.IGNORECASE,
    ),
    "an address in a private network": re.compile(
        r"(?<![\d.])(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+"
    ),
    "a token": re.compile(r"xox[abeprs]-(?!\.\.\.|sandbox)[\w-]{8,}"),
    "a note to oneself": re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b|@@\w+@@"),
}


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_relative_link_and_image_leads_somewhere(page: Path) -> None:
    wrong = []
    for number, target in links(page):
        if EXTERNAL.match(target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / unquote(path)).resolve() if path else page
        if not place.exists():
            wrong.append(f"line {number}: {target} does not exist")
        elif not place.is_relative_to(ROOT):
            wrong.append(f"line {number}: {target} leads out of the repository")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            wrong.append(f"line {number}: {place.name} has no heading for #{anchor}")
    assert wrong == []


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for _, target in links(index)}
    missing = [ids(page) for page in sorted((ROOT / "docs").rglob("*.md")) if page not in linked]
    assert missing == ["docs/index.md"]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_exists_with_its_options(page: Path, example: Path) -> None:
    wrong = []
    for number, arguments in commands(page):
        problem = refused(arguments)
        if problem:
            wrong.append(f"line {number}: data-getters {' '.join(arguments)}: {problem}")
    assert wrong == []


def refused(arguments: list[str]) -> str:
    """Why the command line does not take these arguments; empty when it does.

    Names in capitals stand for whatever a person would write there. A command that is named
    without what it needs (`data-getters search`) is a mention, not a mistake.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="data-getters")
    rest = list(arguments)
    try:
        while isinstance(command, click.Group):
            parser = command.make_parser(context)
            parser.allow_interspersed_args = False
            _, rest, _ = parser.parse_args(rest)
            if not rest or rest[0] in {"SOURCE", "COMMAND", "..."}:
                return ""
            found = command.get_command(context, rest[0])
            if found is None:
                return f"there is no command {rest[0]!r}"
            context = click.Context(found, info_name=rest.pop(0), parent=context)
            command = found
        if [word for word in rest if word != "..."] == []:
            return ""
        values = ["1" if word in {"N", "NUMBER", "NUMBERS"} else word for word in rest]
        command.make_context(context.info_name, [v for v in values if v != "..."])
    except click.exceptions.Exit:  # --help, --version
        return ""
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("sync slack --chanels general", "--chanels"),
        ("sync slak", "slak"),
        ("sync slack --days-ago soon", "soon"),
        ("serch words", "serch"),
        ("failures retry --al", "--al"),
        ("search words --limit 1000", "1000"),
        ("--quiet sync slack", "--quiet"),
    ],
)
def test_a_command_that_does_not_exist_is_told(arguments: str, reason: str) -> None:
    assert reason in refused(arguments.split())


def test_commands_are_found_wherever_pages_hold_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Run `data-getters check slack` first; `data-getters.toml` is a file.\n```\n"
        "$ export A=1\n$ A=1 data-getters sync slack \\\n    --days-ago 7 > log && echo done\n"
        'if data-getters search "a  b" --json | jq .; then :; fi\n'
        "data-getters status [SOURCE]   what there is\n"
        "name: data-getters\nwork-pool create data-getters --type process\n```\n"
    )
    found = [arguments for _, arguments in commands(page)]
    assert ["check", "slack"] in found
    assert ["sync", "slack", "--days-ago", "7"] in found
    assert ["search", "a  b", "--json"] in found
    assert ["status", "[SOURCE]"] in found
    assert len(found) == 4


@pytest.mark.parametrize("what", NOT_FOR_PAGES)
def test_no_page_and_no_example_names(what: str) -> None:
    examples = [p for p in EXAMPLE.rglob("*") if p.suffix in {".py", ".toml", ".yaml"}]
    images = list((ROOT / "docs").rglob("*.svg"))
    found = [
        f"{ids(path)}:{number}: {line.strip()}"
        for path in [*PAGES, *examples, *images]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if NOT_FOR_PAGES[what].search(line)
    ]
    assert found == []


def test_the_page_that_a_manifest_names_exists(example: Path) -> None:
    for manifest in sources().values():
        assert (ROOT / manifest.documentation).is_file(), manifest.name
