"""Many machines: the stages as Ray Serve deployments and in Ray Data's pools.

The only package that needs Ray, which the extra ``cluster`` installs::

    from marsam.cluster import cluster_studio

    studio = cluster_studio("auto")
    result = studio.run("photo.png", pictures=4, seed=7)

A folder is described by ``marsam batch --cluster``, with the machines of
:func:`cluster_machines`.

Importing it does not import Ray: Ray reads its environment when it is imported, and
:func:`cluster_studio` sets that first.
"""

from marsam.cluster.batch_engine import Machines, cluster_machines
from marsam.cluster.connect import cluster_studio
from marsam.cluster.plan import Plan, Share
from marsam.errors import ClusterError

__all__ = [
    "ClusterError",
    "Machines",
    "Plan",
    "Share",
    "cluster_machines",
    "cluster_studio",
]
