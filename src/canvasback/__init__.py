"""Canvasback: backup and recovery for DuckLake.

Each command of the command line is a function here, with the same power:

    import canvasback

    canvasback.init("ducklake:sales.ducklake", "/backups/sales")
    canvasback.backup("ducklake:sales.ducklake", "/backups/sales")
    canvasback.restore("ducklake:sales.ducklake", "/backups/sales")

What they find is in their results; what stops them is a `CanvasbackError`.
"""


def _read_stub() -> None:
    """Let `lazy_loader` take over, which reads the names from `__init__.pyi`: that takes as long as to start Python."""
    import lazy_loader  # noqa: PLC0415 - the command line does without for `--help`

    found = lazy_loader.attach_stub(__name__, __file__)
    globals().update(zip(("__getattr__", "__dir__", "__all__"), found, strict=True))


def __getattr__(name: str) -> object:
    _read_stub()
    return globals()[name] if name == "__all__" else __getattr__(name)


def __dir__() -> list[str]:
    _read_stub()
    return __dir__()
