"""PostgreSQL itself: its programs, and what they say. Nobody here knows of lakes."""
