"""Medical devices: records, pure parsers, transports and simulated devices."""
