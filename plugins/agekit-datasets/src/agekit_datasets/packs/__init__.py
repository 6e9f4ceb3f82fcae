"""Packs: datasets in a few Parquet files, as `agekit data pack` and others write them."""
