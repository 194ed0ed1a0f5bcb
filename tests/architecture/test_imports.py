"""The rooms of the house: what may import what, and what may not."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOMS = {
    "documents": set(),
    "exporters": {"documents"},
    "processing": {"documents"},
    "stores": {"documents"},
    "tasks": {"documents", "exporters", "processing", "stores"},
    "flows": {"documents", "exporters", "processing", "stores", "tasks", "sandbox"},
    "sandbox": set(),
    "deployments": {"documents", "exporters", "tasks", "flows"},
}
"""A room, and the rooms it may import besides itself."""

MAY_IMPORT_PREFECT = ("tasks", "flows", "deployments")

LONGEST_FILE = 500


def imported_modules(path: Path) -> list[str]:
    """The modules a file imports, at its top or anywhere inside."""
    tree = ast.parse(path.read_text("utf-8"))
    modules = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            modules.append(node.module or "")
    return modules


def files_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    assert files_of(room)
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files_of(room)
        for module in imported_modules(path)
        if (top := module.partition(".")[0]) in ROOMS and top not in ROOMS[room] | {room}
    ]
    assert wrong == []


@pytest.mark.parametrize("room", sorted(set(ROOMS) - set(MAY_IMPORT_PREFECT)))
def test_prefect_is_imported_only_where_prefect_meets_the_rest(room: str) -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in files_of(room)
        if any(module.partition(".")[0] == "prefect" for module in imported_modules(path))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("slack_sdk", "exporters/slack/client.py"),
        ("google", "exporters/google/credentials.py"),
    ],
)
def test_the_vendors_sdk_is_imported_in_one_module_only(package: str, module: str) -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in files_of("exporters")
        if any(name.partition(".")[0] == package for name in imported_modules(path))
    ]
    assert users == [module]


def test_the_http_library_is_imported_in_one_module_of_a_room() -> None:
    users = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in files_of(room)
        if {m.partition(".")[0] for m in imported_modules(path)} & {"httpx", "httpx2", "requests"}
    ]
    assert users == ["exporters/http.py", "stores/embedding_servers.py"]


def test_the_libraries_that_read_files_of_strangers_are_imported_by_name_alone() -> None:
    # The reading process does it (exporters/extraction/reading.py), behind its limits.
    confined = {"kreuzberg", "mammoth", "pptx", "pypdfium2", "python_calamine"}
    users = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in files_of(room)
        if {module.partition(".")[0] for module in imported_modules(path)} & confined
    ]
    assert users == []


def test_no_file_is_longer_than_a_person_can_keep_in_mind() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*.py")
        if ".venv" not in path.parts
        and (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}
