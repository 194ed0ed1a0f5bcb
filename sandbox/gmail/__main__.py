"""Run a Gmail sandbox as a process: ``python -m sandbox.gmail``.

The base URL is the first line on standard output. Google's paths are below it (``/token``,
``/gmail/v1/...``, ``/admin/directory/v1/...``, ``/batch/gmail/v1``), and the control endpoints of
:mod:`sandbox.control` under ``/_sandbox/``. The resources there are ``mailboxes`` (every change),
``oauth``, ``switches`` and ``quota``::

    curl -X POST $URL/_sandbox/oauth/service_account_info      # the key file, as --write-key
    curl -d '{"user": "ada@harbourline.example", "scopes": ["https://mail.google.com/"]}' \
        $URL/_sandbox/oauth/issue_access_token
    curl -d '{"short_pages": true}' $URL/_sandbox/switches/set
    curl -d '{"kind": "rate_limited", "operation": "messages.get"}' $URL/_sandbox/faults
    curl $URL/_sandbox/counts
"""

import argparse
from pathlib import Path

from sandbox.gmail.company import generate_mailboxes, harbourline_staff
from sandbox.gmail.company.staff import COMPANY_MESSAGES
from sandbox.gmail.mbox import MBOX_READER, read_mbox
from sandbox.gmail.server import GmailSandbox
from sandbox.gmail.switches import Switches


def main() -> None:
    """Read the command line and serve until interrupted."""
    arguments = _parser().parse_args()
    if arguments.mbox is not None:
        mailboxes = read_mbox(arguments.mbox, arguments.mailbox)
    else:
        staff = harbourline_staff(seed=arguments.seed, company_messages=arguments.company_messages)
        mailboxes = generate_mailboxes(
            staff,
            messages=arguments.messages,
            seed=arguments.seed,
            now=arguments.now,
            days=arguments.days,
        )
    switches = Switches(user_units=arguments.user_units, quota_scale=arguments.quota_scale)
    sandbox = GmailSandbox(mailboxes, switches=switches, host=arguments.host, port=arguments.port)
    sandbox.latency = arguments.latency
    sandbox.key_file = arguments.write_key
    sandbox.run_until_interrupted(write_url=arguments.write_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.gmail",
        description="A local Gmail with the mail of a made-up company in it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--messages", type=int, default=2000, help="messages in all mailboxes together"
    )
    parser.add_argument("--seed", type=int, default=7, help="decides everything but the dates")
    parser.add_argument("--days", type=int, default=120, help="length of the history")
    parser.add_argument(
        "--now", type=float, default=None, help="end of the history, seconds; default: now"
    )
    parser.add_argument(
        "--company-messages",
        type=int,
        default=COMPANY_MESSAGES,
        help="--messages of the Slack sandbox whose people these are",
    )
    parser.add_argument("--mbox", type=Path, help="serve this mbox file instead of the company")
    parser.add_argument("--mailbox", default=MBOX_READER, help="whose mailbox the mbox file fills")
    parser.add_argument(
        "--user-units",
        type=int,
        default=None,
        help="enforce a quota of so many units a minute and user (Google's: 6000)",
    )
    parser.add_argument(
        "--quota-scale", type=float, default=1.0, help="let a minute of quota pass faster"
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds that every answer takes to come"
    )
    parser.add_argument(
        "--write-key", type=Path, help="file to write the service account's key file into"
    )
    parser.add_argument("--write-url", type=Path, help="file to write the base URL into")
    return parser


if __name__ == "__main__":
    main()
