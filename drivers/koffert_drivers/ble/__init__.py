"""Bluetooth Low Energy through bleak and BlueZ: what is heard, one connection, what a meter has stored."""
