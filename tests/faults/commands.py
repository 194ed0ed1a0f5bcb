"""A stage's sync as a person runs it: what its process finds, the command, and what it leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers.prefect import PrefectServer
from store_state import state_of
from watched_stores import settings_in

from exporters.base import BaseExporter
from faults.stages.base import Stage
from tasks.stores import open_stores

ROOT = Path(__file__).parents[2]


def settings_of(stage: Stage[Any, Any], sandbox: Any, folder: Path) -> dict[str, str]:
    """A stage's settings and stores of its own, as variables; nothing of it is secret."""
    exporter: BaseExporter = stage.opener(sandbox)()
    given = exporter._settings.model_dump(mode="json", exclude_unset=True)  # type: ignore[attr-defined]
    exporter.close()
    settings = {
        f"DATA_GETTERS_{stage.source.upper()}__{name.upper()}": (
            value if isinstance(value, str) else json.dumps(value)
        )
        for name, value in given.items()
    }
    return {**settings, "DATA_GETTERS_STORES__DATA_DIRECTORY": str(folder)}


def environment(stage: Stage[Any, Any], sandbox: Any, folder: Path) -> dict[str, str]:
    """What a command finds: the stage's settings and credentials, and stores of its own."""
    return {
        **os.environ,
        **settings_of(stage, sandbox, folder),
        **stage.credentials(sandbox),
    }


def chosen(stage: Stage[Any, Any]) -> dict[str, Any]:
    """The parameters that say what is synced."""
    parameters: dict[str, Any] = stage.selection().model_dump(exclude_unset=True)
    return parameters


def started(
    stage: Stage[Any, Any], server: PrefectServer, variables: Mapping[str, str]
) -> "subprocess.Popen[str]":
    """The command, running."""
    options = [
        word
        for name, values in chosen(stage).items()
        for word in (f"--{name.replace('_', '-')}", ",".join(values))
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "sync", stage.source, *options],
        cwd=ROOT, env={**variables, **server.environment}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def documents(folder: Path) -> dict[str, Any]:
    """What a search may find in the stores in a folder."""
    stores = open_stores(settings_in(folder, embedding_model="wordllama"))
    try:
        state = state_of(stores)
    finally:
        stores.close()
    return {name: state[name] for name in ("documents", "vectors", "found by")}
