"""Lets ``python -m canvasback`` be the command line."""

from canvasback.cli.app import main

main("python -m canvasback")
