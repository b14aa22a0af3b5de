"""The verbs, in the order in which people meet them."""

from __future__ import annotations

VERBS = {
    "init": "Create a repository for a lake.",
    "backup": "Make a recovery point, copying only what the repository lacks.",
    "watch": "Make a point after every commit, until it is stopped.",
    "run": "Run a batch job, and make a point after it, whether it succeeded or not.",
    "list": "List the recovery points.",
    "show": "Show what a point holds, and what its backup found.",
    "tag": "Give names to a point: what has one is kept.",
    "note": "Note something of a point.",
    "hold": "Keep a point from being forgotten, whatever a policy says.",
    "forget": "Hide points that a policy does not keep, or that are named.",
    "unforget": "Bring forgotten points back, as long as no prune has begun to delete what they name.",
    "prune": "Delete what no point names: what was forgotten long enough ago.",
    "lock": "Lock for longer what points need that are not forgotten, before its locks end.",
    "policy": "Print the policy for who adds to a repository in S3, deletes from it, or only reads it.",
    "key": "Tell and change who can open a sealed repository.",
    "verify": "See whether points can still be restored.",
    "mirror": "Let a second place hold a repository's points too, copying only what it lacks.",
    "repair": "Put back what a repository lost, from another place of it.",
    "diff": "Tell what changed from one moment of a lake to another.",
    "tables": "List the tables of a point or of a lake, with their rows; also those that were dropped.",
    "restore": "Bring a point back as a lake, or a table of it into a live lake.",
    "attach": "Make a point readable where it lies.",
    "rewind": "Take a live lake back to one of its snapshots, in place.",
    "repoint": "Point a live catalog at another data path, which holds its files already.",
    "check": "See whether a live lake is sound, without writing to it.",
    "heal": "Put back what a live lake lost, and mend what is provably wrong in its catalog.",
    "protect": "See and set up what a cloud does for a lake's files by itself.",
    "pitr": "Recover a catalog in PostgreSQL to an exact commit.",
    "salvage": "Win back commits that the catalog does not know, or a catalog that is lost.",
}
"""Each verb, which is a module of `canvasback.cli.commands`, and what its command's docstring says it does.

The sentence stands here too, so that the list of all verbs is there before any of them is loaded.
"""
