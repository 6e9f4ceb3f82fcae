"""What agekit's own tests and documents are made with, of use to others' tests too.

`agekit_testkit.hub` is a Hub on this machine, `agekit_testkit.models` writes models that nobody
trained, `agekit_testkit.results` the results of cells that nobody ran.
"""
