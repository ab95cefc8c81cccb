"""What can go wrong only with many machines."""

from marsam.errors import MarsamError


class ClusterError(MarsamError):
    """The machines that do the work cannot be reached, or do not start."""

    told = "The machines that do the work cannot be reached at the moment; try again later."
