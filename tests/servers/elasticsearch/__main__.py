"""Runs a test server until it is interrupted, for a benchmark or a look around.

cd tests && python -m servers.elasticsearch
"""

from __future__ import annotations

import contextlib
import sys
import threading

from servers.elasticsearch.server import ElasticsearchServer, Unavailable, install


def main() -> int:
    """Prints the shell line that points the tests at the server, and waits."""
    try:
        server = ElasticsearchServer(install(), heap="1g", lasting=True)
    except Unavailable as reason:
        print(f"No Elasticsearch: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    with server, contextlib.suppress(KeyboardInterrupt):
        print(f"export ELASTICSEARCH_URL={server.url}", flush=True)  # noqa: T201
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
