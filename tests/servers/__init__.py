"""Real servers for the tests, installed and started on this machine without containers."""
