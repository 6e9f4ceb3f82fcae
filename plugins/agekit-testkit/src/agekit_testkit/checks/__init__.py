"""The contract of each kind of part, as a check; `agekit_testkit` has them all by name."""
