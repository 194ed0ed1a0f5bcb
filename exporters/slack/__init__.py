"""Slack: channels, threads, files and people of a workspace, by the Web API or from an export."""
