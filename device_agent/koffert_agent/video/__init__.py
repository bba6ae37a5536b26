"""The video visit at the box: a process of its own beside the gateway."""
