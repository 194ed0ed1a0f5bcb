"""Jira, locally: a site with its REST API, Cloud's or Data Center's."""
