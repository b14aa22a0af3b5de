"""attach: a point is opened where it lies."""
