"""The page on dependencies names each of them."""

import re
import tomllib

import pytest
from example_package import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_a_runtime_dependency_has_its_row(requirement: str) -> None:
    assert f"\n| `{name_of(requirement)}` |" in section("Run time")


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_the_libraries_of_an_extra_are_named(extra: str) -> None:
    for requirement in PROJECT["optional-dependencies"][extra]:
        name = name_of(requirement)
        if name == PROJECT["name"]:
            continue
        if extra == "dev":
            assert f"`{name}`" in section("Development")
        else:
            row = rf"\n\| `{extra}` \| `{re.escape(name)}[`\[]"
            assert re.search(row, section("Extras"))
