"""A real single-node Elasticsearch for the tests.

The server is the archive that Elastic publishes to Maven Central for integration tests: the whole
server with its native libraries, its licence and security modules, and few others. The modules that
no registry has (analysis-common, lang-painless, reindex, rest-root) are stood in for by the small
Java module in ``module/``, compiled on first use. ``README.md`` says what differs from a stock
distribution.

``installation`` puts the parts together, ``server`` runs them, ``fixture`` offers them to pytest,
and ``python -m servers.elasticsearch`` (in the folder ``tests``) runs one by hand.
"""
