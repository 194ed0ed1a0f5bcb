"""`data-getters sync SOURCE`."""

from collections.abc import Callable
from typing import Any, Final

import click

from exporters.registry import SourceManifest, source, sources
from flows.commands.shared import (
    CREDENTIALS_HELP,
    Group,
    Invocation,
    SectionedCommand,
    common_options,
    examples,
    verbose_parameter,
)
from flows.options import flag_of, given, options_of, validated
from flows.terminal import DONE, FAILED, PARTLY_FAILED, complain, print_error_json, print_json

STARTING: Final = "starting Prefect (10 to 15 seconds where no Prefect server is set)"


class _Sources(Group):
    """One subcommand per source, with the options of its selection."""

    noun = "source"

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(sources())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        return source_command(source(cmd_name)) if cmd_name in sources() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Sources"):
            formatter.write_dl([(name, found.summary) for name, found in sources().items()])


@click.group(
    cls=_Sources,
    invoke_without_command=True,
    options_metavar="[--all]",
    subcommand_metavar="SOURCE [OPTIONS]",
    epilog="`data-getters sync SOURCE --help` lists a source's options.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Sync every source the environment holds credentials for, at once.",
)
@common_options
@click.pass_context
def command(ctx: click.Context, everything: bool, as_json: bool) -> int | None:
    """Bring a source up to date.

    Only what moved since the last time is fetched, embedded and written. A run that was stopped
    goes on where it was.
    """
    if ctx.invoked_subcommand is not None:
        if everything or as_json:
            given_too = "--all" if everything else "--json"
            raise click.UsageError(
                f"{given_too} stands before the source {ctx.invoked_subcommand!r}. "
                + ("Give one or the other." if everything else "Put it behind."),
                ctx,
            )
        return None
    if not everything:
        raise click.UsageError("Name a source, or give --all.", ctx)
    from flows.commands.sync_all import sync_all  # noqa: PLC0415 (pydantic, 0.1 s)

    return sync_all(as_json=as_json, verbose=ctx.ensure_object(Invocation).verbose)


def source_command(manifest: SourceManifest, *, extracts: bool = False) -> click.Command:
    """The command of a source, with the options of its selection.

    Args:
        manifest: The source.
        extracts: Whether it extracts, and leaves the documents to transform workers.
    """
    from tasks.options import SyncOptions  # noqa: PLC0415 (pydantic, 0.1 s)

    selection_type = manifest.load(manifest.exporter).selection_type

    @click.pass_context
    def run(ctx: click.Context, /, **values: Any) -> int:
        return _sync(ctx, manifest, selection_type, values, extracts=extracts)

    return SectionedCommand(
        manifest.name,
        {
            "What is extracted" if extracts else "What is synced": options_of(selection_type),
            "How": [
                click.Option(["--credentials"], metavar="BLOCK", help=CREDENTIALS_HELP),
                *options_of(SyncOptions, only=SyncOptions.offered),
            ],
            "Output": [
                click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON."),
                verbose_parameter(),
            ],
        },
        callback=run,
        options_metavar="[OPTIONS]",
        help=f"{'Extract' if extracts else 'Sync'} {manifest.title}. {manifest.summary}",
        epilog=_examples(manifest, selection_type, "extract" if extracts else "sync"),
    )


def _examples(manifest: SourceManifest, selection_type: Any, verb: str) -> str:
    typed = f"data-getters {verb} {manifest.name}"
    return examples(
        typed,
        *(
            f"{typed} {flag_of(name)} {value}"
            for name, field in selection_type.model_fields.items()
            for value in field.examples or ()
        ),
    )


def _sync(
    ctx: click.Context,
    manifest: SourceManifest,
    selection_type: Any,
    values: dict[str, Any],
    *,
    extracts: bool,
) -> int:
    from tasks.options import SyncOptions  # noqa: PLC0415 (pydantic, 0.1 s)

    selection = given(ctx, values, selection_type)
    options = validated(SyncOptions, given(ctx, values, SyncOptions))
    validated(selection_type, selection)
    as_json, verbose = values["as_json"], ctx.ensure_object(Invocation).verbose

    def run(progress: Any) -> Any:
        progress.say("checking settings and stores")
        asked = (selection, values["credentials"], options)
        return _run(manifest, asked, verbose, progress, extracts=extracts)

    return shown(manifest.title, run, as_json=as_json, verbose=verbose)


def shown(title: str, run: Callable[[Any], Any], *, as_json: bool, verbose: bool) -> int:
    """Runs a flow over partitions and shows what it does; returns the exit code.

    Args:
        title: What is gone through.
        run: Runs the flow; is given the display, and returns the state in which the flow ended.
        as_json: Whether the result is printed as JSON.
        verbose: Whether log lines are shown.
    """
    from flows.progress import SyncProgress  # noqa: PLC0415 (rich, after the options are right)

    with SyncProgress(title, quiet=as_json, live=not verbose) as progress:
        state = run(progress)
    if progress.error is not None:
        raise progress.error
    if progress.result is None:
        message = state.message or "The run ended without a result."
        complain(message)
        if as_json:
            print_error_json("RunFailed", message, code=FAILED)
        return FAILED
    result = progress.result
    code = _exit_code(failed=state.is_failed(), result=result)
    if as_json:
        print_json({"outcome": _OUTCOMES[code], "message": state.message} | result.as_dict())
    else:
        progress.show_result()
    if state.is_failed():
        complain(state.message or "The run failed.")
    return code


_OUTCOMES = {DONE: "completed", PARTLY_FAILED: "partly_failed", FAILED: "failed"}


def _exit_code(*, failed: bool, result: Any) -> int:
    if failed:
        return PARTLY_FAILED if result.anything_done else FAILED
    return PARTLY_FAILED if result.needs_attention else DONE


def _run(
    manifest: SourceManifest,
    asked: tuple[dict[str, Any], str | None, Any],
    verbose: bool,
    progress: Any,
    *,
    extracts: bool,
) -> Any:
    """Runs the flow and returns the state in which it ended."""
    from tasks.preflight import check_request  # noqa: PLC0415 (stores, 0.5 s)

    selection, credentials, options = asked
    check_request(manifest, selection, credentials)
    progress.say(STARTING)
    from flows.prefect_quiet import quiet_prefect  # noqa: PLC0415 (after the checks)

    with quiet_prefect(verbose=verbose):
        from flows.of_source import extract_with_flow, sync_with_flow  # noqa: PLC0415

        if extracts:
            return extract_with_flow(manifest, selection, credentials, options)
        return sync_with_flow(manifest, selection, credentials, options)
