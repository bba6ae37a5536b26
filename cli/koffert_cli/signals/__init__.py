"""Files, answers and sheets of `koffert signal`."""
