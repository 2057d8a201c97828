"""CloudWatch as AWS's pages describe it: metrics from logs and services, metric math, and alarms.

Pure, usable without an emulator: `metrics`, `metric_math`, `metric_queries`, `alarm_evaluation`.
The other modules connect these to MiniStack, each through its ``install()``.
"""
