"""What the box has measured and the hub has not yet confirmed, on disk."""
