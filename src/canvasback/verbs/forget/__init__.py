"""forget: points that are not needed any more are hidden. The verb is in `forget.verb`."""
