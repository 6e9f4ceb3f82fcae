"""Whether what is installed works: `agekit plugins doctor`."""
