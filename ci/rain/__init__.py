"""rain, with which the templates are deployed by hand: the pinned version, built once, and tried.

`make rain` runs every rain command of docs/deployment.md on an emulator.
"""
