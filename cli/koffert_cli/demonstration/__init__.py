"""The whole system on one machine: broker, hub and boxes with simulated meters, on loopback."""
