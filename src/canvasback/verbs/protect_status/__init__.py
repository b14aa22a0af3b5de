"""``protect status``: what a cloud does for a lake's files, and whether it suffices."""
