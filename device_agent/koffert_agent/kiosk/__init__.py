"""What the patient sees and touches: a page on the box's own screen, served by a process of its own."""
