"""Resource types and properties that MiniStack's CloudFormation refuses or drops.

Each module supplies one of them through its ``install()``, which adds to MiniStack's table of
resource handlers; templates stay as they are for AWS.
"""
