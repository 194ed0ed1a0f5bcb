"""Run a Slack sandbox as a process: ``python -m sandbox.slack``.

The base URL is the first line on standard output; the API is under ``/api/`` and the control
endpoints of :mod:`sandbox.control` under ``/_sandbox/``. The resources there are ``workspace``
(every change of :class:`sandbox.slack.workspace.Workspace`), ``switches`` and ``limits``::

    curl -d '{"channel": "general", "user": "slackbot", "text": "Hi"}' $URL/_sandbox/workspace/post
    curl -d '{"short_pages": true}' $URL/_sandbox/switches/set
    curl -d '{"kind": "rate_limited", "operation": "conversations.history"}' $URL/_sandbox/faults
    curl $URL/_sandbox/counts
"""

import argparse
from pathlib import Path

from sandbox.slack.company import generate_company
from sandbox.slack.directory import FULL_BOT_SCOPES
from sandbox.slack.server import SlackSandbox
from sandbox.slack.switches import Switches
from sandbox.slack.tokens import BOT_TOKEN, SYNC_HANDLE, install_sync_app, issue_personal_tokens
from sandbox.slack.workspace import Workspace


def main() -> None:
    """Read the command line and serve until interrupted."""
    arguments = _parser().parse_args()
    if arguments.export_zip is not None:
        workspace = Workspace.from_export_zip(arguments.export_zip, domain=arguments.domain)
        install_sync_app(workspace)
        issue_personal_tokens(workspace)
    else:
        workspace = generate_company(
            messages=arguments.messages, seed=arguments.seed, now=arguments.now, days=arguments.days
        )
    if arguments.token:
        bot_user = workspace.user(SYNC_HANDLE).id
        workspace.issue_token(arguments.token, bot_user, kind="bot", scopes=FULL_BOT_SCOPES)
    switches = Switches(rate_limit_scale=arguments.rate_limit_scale)
    sandbox = SlackSandbox(workspace, switches=switches, host=arguments.host, port=arguments.port)
    sandbox.latency = arguments.latency
    sandbox.run_until_interrupted(write_url=arguments.write_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.slack", description="A local Slack with a made-up company in it."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--messages", type=int, default=2000, help="size of the company")
    parser.add_argument("--seed", type=int, default=7, help="decides everything but the dates")
    parser.add_argument("--days", type=int, default=120, help="length of the history")
    parser.add_argument(
        "--now", type=float, default=None, help="end of the history, seconds; default: now"
    )
    parser.add_argument(
        "--export-zip", type=Path, help="serve this Slack export instead of the company"
    )
    parser.add_argument("--domain", default="sandbox", help="address of the export's workspace")
    parser.add_argument("--token", help=f"a further bot token with all scopes, beside {BOT_TOKEN}")
    parser.add_argument(
        "--rate-limit-scale",
        type=float,
        default=None,
        help="enforce Slack's rate limits, this many times faster (1: as they are)",
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds that every answer takes to come"
    )
    parser.add_argument("--write-url", type=Path, help="file to write the base URL into")
    return parser


if __name__ == "__main__":
    main()
