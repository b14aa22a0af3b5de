"""What Parquet files hold, and files of our own that look like the lake's."""
