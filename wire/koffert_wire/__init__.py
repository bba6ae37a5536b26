"""What the box and the hub share: messages, quantities, topics, envelope, sealing."""
