"""Several regions at once: taskcat deploys the stacks of `.taskcat.yml`, then mail goes through each region.

`make taskcat` runs it, on an emulator of its own or, with TARGET=aws, in the caller's account. `checks` has
what is looked at; `build/taskcat/report.html` tells what was seen.
"""
