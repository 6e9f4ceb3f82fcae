"""New plugins: what `agekit plugins new` writes."""
