"""What the box and the hub share: messages, topics, envelope, quantities."""
