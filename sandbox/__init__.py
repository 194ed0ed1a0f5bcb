"""Local servers that speak the vendors' APIs, for the demo, for tests and for benchmarks.

``sandbox.server`` holds what every vendor shares (life cycle, request log, faults, control
endpoints); each vendor is a package of its own (``sandbox.slack``). Nothing here imports the other
rooms of the project, so a server never shares a mistake with the client it is there to test.

Needs the ``sandbox`` extra (aiohttp).
"""
