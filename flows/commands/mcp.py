"""`data-getters mcp`."""

import ipaddress
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from documents.errors import ConfigurationError
from flows.commands.shared import examples, verbose_option
from flows.terminal import DONE, notes

if TYPE_CHECKING:
    from stores.ledger.types import Person


@click.command(
    epilog=examples(
        "data-getters mcp --as-user ana@acme.com",
        "data-getters mcp --as-user ana@acme.com --http --port 8330",
        "data-getters mcp --anonymous",
    )
)
@click.option("--as-user", metavar="EMAIL", help="Whom agents search for.")
@click.option("--anonymous", is_flag=True, help="They find only what is public.")
@click.option(
    "--unrestricted", is_flag=True, help="They find everything: access lists are not looked at."
)
@click.option("--http", "over_http", is_flag=True, help="Serve over HTTP instead of stdio.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="With --http: where to listen. More than this machine needs a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8330,
    show_default=True,
    metavar="NUMBER",
    help="With --http: the port; 0 takes any that is free.",
)
@verbose_option
def command(
    as_user: str | None,
    anonymous: bool,
    unrestricted: bool,
    over_http: bool,
    host: str,
    port: int,
) -> int:  # fmt: skip
    """Let agents search what was synced, by the Model Context Protocol.

    Without --http it is started by the agent's program and speaks over standard input and output.
    Agents find what one person may read; a token for HTTP is the setting DATA_GETTERS_MCP__TOKEN.
    """
    if find_spec("mcp") is None:
        raise ConfigurationError(
            "The package mcp is not installed.",
            hint='Run `pip install "prefect-data-getters[mcp]"`.',
        )
    from flows.mcp_settings import load_mcp_settings  # noqa: PLC0415 (pydantic, 0.1 s)

    settings = load_mcp_settings()
    if not (as_user or anonymous or unrestricted):
        as_user = settings.as_user
    _check_reader(as_user, anonymous=anonymous, unrestricted=unrestricted)
    token = settings.token.get_secret_value() if settings.token else None
    if over_http and token is None and not _is_loopback(host):
        raise ConfigurationError(
            f"{host} is reached from other machines, and there is no token.",
            hint="Set DATA_GETTERS_MCP__TOKEN, or leave --host out.",
        )
    from flows.mcp_http import address, listen, serve  # noqa: PLC0415 (mcp, 1 s)
    from flows.mcp_server import Reader, make_server  # noqa: PLC0415 (mcp, 1 s)
    from tasks.stores import open_searcher  # noqa: PLC0415 (stores, 0.5 s)

    with open_searcher() as searcher:
        server = make_server(
            searcher,
            Reader(email=as_user, unrestricted=unrestricted),
            text_characters=settings.text_characters,
            version=_version(),
        )
        if as_user is not None:
            _tell_standing(searcher.person(as_user))
        if not over_http:
            server.run("stdio")
            return DONE
        with listen(host, port) as listening:
            who = "with a token" if token else "from this machine"
            notes().print(f"Listening on {address(listening)}, {who}. Ctrl-C ends it.")
            serve(server, listening, token)
    return DONE


def _check_reader(as_user: str | None, *, anonymous: bool, unrestricted: bool) -> None:
    said = [as_user is not None, anonymous, unrestricted]
    if not any(said) or (as_user is not None and not as_user.strip()):
        raise ConfigurationError(
            "It is not said whom agents search for.",
            hint="Give --as-user EMAIL (or DATA_GETTERS_MCP__AS_USER), --anonymous, or "
            "--unrestricted for everything.",
        )
    if sum(said) > 1:
        raise ConfigurationError(
            "--as-user, --anonymous and --unrestricted contradict each other.",
            hint="Give one of them.",
        )


def _is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tell_standing(person: "Person") -> None:
    from flows.search_pages import standing  # noqa: PLC0415 (not needed by --help)

    if not person.lists:
        notes().print(standing(person), markup=False)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 (20 ms)

    try:
        return version("prefect-data-getters")
    except PackageNotFoundError:
        return ""
