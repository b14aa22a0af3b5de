"""Canvasback: backup and recovery for DuckLake.

Each command of the command line is a function here, with the same power:

    import canvasback

    canvasback.init("ducklake:sales.ducklake", "/backups/sales")
    canvasback.backup("ducklake:sales.ducklake", "/backups/sales")
    canvasback.restore("ducklake:sales.ducklake", "/backups/sales")

What they find is in their results; what stops them is a `CanvasbackError`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
