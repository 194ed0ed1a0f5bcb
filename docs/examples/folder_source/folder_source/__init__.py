"""Folders of Markdown files as a source; the worked example of docs/adding-a-source.md."""
