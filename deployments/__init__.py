"""Deployments: `prefect.yaml` held to what the flows and the server accept."""
