"""Many machines: the stages as Ray Serve deployments, and a studio in front of them.

The only package that needs Ray (``pip install 'marsam[cluster]'``)::

    from marsam.cluster import cluster_studio

    studio = cluster_studio("auto")
    result = studio.run("photo.png", pictures=4, seed=7)

Importing it does not import Ray: Ray reads its environment when it is imported, and
:func:`cluster_studio` sets that first.
"""

from marsam.cluster.connecting import cluster_studio
from marsam.cluster.errors import ClusterError
from marsam.cluster.plan import Plan, Share

__all__ = ["ClusterError", "Plan", "Share", "cluster_studio"]
