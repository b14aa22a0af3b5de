"""restore --table: tables come back into a live lake."""
