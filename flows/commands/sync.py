"""`data-getters sync SOURCE`."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from exporters.registry import SourceManifest, source, sources
from flows.options import given, options_of, validated
from flows.prefect_quiet import quiet_prefect
from flows.terminal import DONE, FAILED, PARTLY_FAILED, complain, print_json


class _Sources(click.Group):
    """One subcommand per source, with the options of its selection."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(sources())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        return _command(source(cmd_name)) if cmd_name in sources() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Sources"):
            formatter.write_dl([(name, found.summary) for name, found in sources().items()])


@click.group(cls=_Sources, subcommand_metavar="SOURCE [OPTIONS]")
def command() -> None:
    """Bring a source up to date.

    Only what moved since the last time is fetched, embedded and written. A run that was stopped
    goes on where it was.
    """


def _command(manifest: SourceManifest) -> click.Command:
    from tasks.options import SyncOptions  # noqa: PLC0415 (pydantic, 0.1 s)

    selection_type = manifest.load(manifest.exporter).selection_type

    @click.pass_context
    def run(ctx: click.Context, /, **values: Any) -> int:
        return _sync(ctx, manifest, selection_type, values)

    return click.Command(
        manifest.name,
        callback=run,
        params=[
            *options_of(selection_type),
            click.Option(["--credentials"], metavar="BLOCK", help="Saved Prefect block to use."),
            *options_of(SyncOptions, only=SyncOptions.offered),
            click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON."),
        ],
        help=f"Sync {manifest.title}. {manifest.summary}",
    )


def _sync(
    ctx: click.Context, manifest: SourceManifest, selection_type: Any, values: dict[str, Any]
) -> int:
    from tasks.options import SyncOptions  # noqa: PLC0415 (pydantic, 0.1 s)

    selection = given(ctx, values, selection_type)
    options = validated(SyncOptions, given(ctx, values, SyncOptions))
    validated(selection_type, selection)
    as_json, verbose = values["as_json"], bool((ctx.obj or {}).get("verbose"))
    from flows.progress import SyncProgress  # noqa: PLC0415 (rich, after the options are right)

    with SyncProgress(manifest.title, shown=not as_json) as progress:
        progress.say("Starting Prefect (about ten seconds where no Prefect server is set)")
        with quiet_prefect(verbose=verbose):
            state = _flow(manifest)(
                **{
                    name: str(v) if hasattr(v, "__fspath__") else v for name, v in selection.items()
                },
                credentials=values["credentials"],
                options=options,
                return_state=True,
            )
    if progress.error is not None:
        raise progress.error
    if progress.result is None:
        complain(state.message or "The run ended without a result.")
        return FAILED
    if as_json:
        print_json(progress.result.as_dict())
    else:
        progress.show_result()
    if state.is_failed():
        complain(state.message or "The run failed.")
        return PARTLY_FAILED if progress.result.anything_done else FAILED
    return PARTLY_FAILED if progress.result.needs_attention else DONE


def _flow(manifest: SourceManifest) -> Callable[..., Any]:
    """The source's own flow, or the one that serves every source."""
    name = f"{manifest.name}_sync"
    if find_spec(f"flows.{name}") is not None:
        return getattr(import_module(f"flows.{name}"), name)  # type: ignore[no-any-return]
    from flows.source_sync import source_sync  # noqa: PLC0415 (imports Prefect)

    any_source: Callable[..., Any] = source_sync

    def run(*, credentials: str | None, options: Any, return_state: bool, **selection: Any) -> Any:
        return any_source(
            source=manifest.name,
            selection=selection,
            credentials=credentials,
            options=options,
            return_state=return_state,
        )

    return run
