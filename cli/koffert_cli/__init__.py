"""The one command `koffert`."""
