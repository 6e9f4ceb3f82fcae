"""`agekit plugins doctor`: checks that what is installed works."""
