"""`data-getters sync --all`."""

from exporters.registry import source
from flows.commands.sync import STARTING
from flows.terminal import DONE, FAILED, PARTLY_FAILED, complain, print_json


def sync_all(*, as_json: bool, verbose: bool) -> int:
    """Syncs every source that the environment holds credentials for; returns the exit code.

    Raises:
        ConfigurationError: There is none, or something is wrong before a run is started.
        StoreError: The ledger cannot be used.
    """
    from flows.sources_progress import SourcesProgress  # noqa: PLC0415 (rich)

    with SourcesProgress(quiet=as_json, live=not verbose) as progress:
        progress.say("checking settings and stores")
        from tasks.chosen_sources import sources_to_sync  # noqa: PLC0415 (stores, 0.5 s)
        from tasks.preflight import check_request  # noqa: PLC0415 (stores, 0.5 s)

        wanted = sources_to_sync(None)
        for each in wanted:
            check_request(source(each.source), each.selection, each.credentials, alone=False)
        progress.say(STARTING)
        from flows.prefect_quiet import quiet_prefect  # noqa: PLC0415 (after the checks)

        with quiet_prefect(verbose=verbose):
            from flows.multi_source_sync import multi_source_sync  # noqa: PLC0415 (imports Prefect)

            state = multi_source_sync(sources=wanted, return_state=True)
    if state.is_failed():
        code = PARTLY_FAILED if progress.anything_done else FAILED
    else:
        code = PARTLY_FAILED if progress.needs_attention else DONE
    if as_json:
        outcome = {DONE: "completed", PARTLY_FAILED: "partly_failed", FAILED: "failed"}[code]
        print_json({"outcome": outcome, "message": state.message, "sources": progress.as_dicts()})
    else:
        progress.show_results()
    if state.is_failed():
        complain(state.message or "The run failed.")
    return code
