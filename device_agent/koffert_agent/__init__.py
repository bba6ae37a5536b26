"""The home unit: from a device to the hub, with nothing lost."""
