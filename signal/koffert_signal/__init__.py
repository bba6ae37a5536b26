"""Pure signal processing: arrays in, records out; no I/O, clock, plot or log."""
