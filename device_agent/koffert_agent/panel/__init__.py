"""Buttons and lights beside the screen, where the case has them."""
