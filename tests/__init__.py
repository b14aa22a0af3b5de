"""The tests of canvasback; `tests.oracle` is the real DuckLake that they ask."""
