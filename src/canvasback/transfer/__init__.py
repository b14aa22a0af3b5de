"""From a lake to a point and back: what is copied, where it belongs, and how it gets there."""
