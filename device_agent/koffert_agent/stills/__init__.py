"""ECG stills that a cart or a person leaves in a folder, on their way to the outbox."""
