"""The tests, by the name that no installed package of the same name can take."""
