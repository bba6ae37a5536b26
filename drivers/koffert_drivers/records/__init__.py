"""The rows of the device table, grouped by family."""
