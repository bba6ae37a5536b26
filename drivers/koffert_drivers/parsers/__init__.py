"""One module per protocol: bytes in, measurements out."""
