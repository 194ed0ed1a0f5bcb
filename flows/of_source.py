"""Which flow syncs a source."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from prefect.client.schemas.objects import State

from exporters.registry import SourceManifest
from tasks.options import SyncOptions


def sync_with_flow(
    manifest: SourceManifest,
    selection: Mapping[str, Any],
    credentials: str | None,
    options: SyncOptions,
) -> State[Any]:
    """Runs the source's own flow, or the one that serves every source.

    Args:
        manifest: The source.
        selection: Fields of its selection; what is left out has its default.
        credentials: Name of a saved block; None takes the secrets from the environment.
        options: How the sync is done.

    Returns:
        The state in which the run ended.
    """
    plain = _plain(selection)
    name = f"{manifest.name}_sync"
    if find_spec(f"flows.{name}") is not None:
        own: Callable[..., State[Any]] = getattr(import_module(f"flows.{name}"), name)
        return own(**plain, credentials=credentials, options=options, return_state=True)
    from flows.source_sync import source_sync  # noqa: PLC0415 (only where it is needed)

    return source_sync(
        source=manifest.name,
        selection=plain,
        credentials=credentials,
        options=options,
        return_state=True,
    )


def extract_with_flow(
    manifest: SourceManifest,
    selection: Mapping[str, Any],
    credentials: str | None,
    options: SyncOptions,
) -> State[Any]:
    """Runs the flow that extracts any source; see `sync_with_flow`."""
    from flows.extract import extract  # noqa: PLC0415 (only where it is needed)

    return extract(
        source=manifest.name,
        selection=_plain(selection),
        credentials=credentials,
        options=options,
        return_state=True,
    )


def _plain(selection: Mapping[str, Any]) -> dict[str, Any]:
    return {n: str(v) if hasattr(v, "__fspath__") else v for n, v in selection.items()}
