"""Run a Jira sandbox as a process: ``python -m sandbox.jira``.

The base URL is the first line on standard output; the API is under ``/rest/``, Atlassian's gateway
under ``/ex/jira/{cloudId}/rest/`` and the control endpoints of :mod:`sandbox.control` under
``/_sandbox/``. The resources there are ``site`` (every change of :class:`sandbox.jira.site.Site`),
``switches`` and ``limits``::

    curl -d '{"issue": "PAY-482", "author": "knowledge.sync", "body": "Hi"}' $URL/_sandbox/site/comment
    curl -d '{"index_lag": 30}' $URL/_sandbox/switches/set
    curl -d '{"kind": "rate_limited", "operation": "issue/bulkfetch"}' $URL/_sandbox/faults
    curl $URL/_sandbox/counts
"""  # noqa: E501  (commands)

import argparse
from pathlib import Path

from sandbox.jira.company import generate_site
from sandbox.jira.model import TokenKind
from sandbox.jira.server import JiraSandbox
from sandbox.jira.switches import Switches
from sandbox.jira.tokens import SYNC_NAME


def main() -> None:
    """Read the command line and serve until interrupted."""
    arguments = _parser().parse_args()
    site = generate_site(
        issues=arguments.issues,
        seed=arguments.seed,
        now=arguments.now,
        days=arguments.days,
        flavour="datacenter" if arguments.datacenter else "cloud",
    )
    if arguments.token:
        kind: TokenKind = "personal" if arguments.datacenter else "api_token"
        site.issue_token(arguments.token, SYNC_NAME, kind=kind)
    switches = Switches(index_lag=arguments.index_lag)
    sandbox = JiraSandbox(site, switches=switches, host=arguments.host, port=arguments.port)
    sandbox.latency = arguments.latency
    sandbox.run_until_interrupted(write_url=arguments.write_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.jira", description="A local Jira with a made-up company in it."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--issues", type=int, default=400, help="size of the site")
    parser.add_argument("--seed", type=int, default=7, help="decides everything but the dates")
    parser.add_argument("--days", type=int, default=180, help="length of the history")
    parser.add_argument(
        "--now", type=float, default=None, help="end of the history, seconds; default: now"
    )
    parser.add_argument(
        "--datacenter", action="store_true", help="speak Data Center's REST v2, not Cloud's v3"
    )
    parser.add_argument("--token", help="a further token of the sync user, who sees everything")
    parser.add_argument(
        "--index-lag", type=float, default=0.0, help="seconds the search index is behind"
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds that every answer takes to come"
    )
    parser.add_argument("--write-url", type=Path, help="file to write the base URL into")
    return parser


if __name__ == "__main__":
    main()
