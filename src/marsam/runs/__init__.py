"""Execution of runs: recorded execution, fair queue, scheduler, time estimates."""
