"""The verbs of the ``blametrail`` command, one module each.

A module here imports nothing that needs the settings until its verb runs, so that ``--help`` always works.
"""
