"""Where Prefect meets exporters, processing and stores: the sync pipeline and its tasks."""
