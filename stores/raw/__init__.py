"""The raw landing: complete API responses in immutable Parquet files."""
