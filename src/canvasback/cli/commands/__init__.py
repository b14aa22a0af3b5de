"""One file per verb: its arguments, the one call of the library that it is, and its answer as text.

`canvasback.cli.verbs` lists them. Only the module of the verb that a user named is loaded.
"""
