"""`verify`: a list of checks, each of which gives pass, fail or not tested, with its evidence."""
