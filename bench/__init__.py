"""Side-by-side measurements of canvasback against rclone, restic, cp, and each database's own copy.

Run it with ``python -m bench``; see ``bench/README.md``.
"""
