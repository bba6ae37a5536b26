"""Meters on Bluetooth: the one radio, each meter's task, what is paired, what their memories may hold."""
