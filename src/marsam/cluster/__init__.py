"""Several machines: stages as Ray Serve deployments, and batches with Ray Data.

The only package that needs Ray. The extra ``cluster`` installs it::

    from marsam.cluster import cluster_studio

    studio = cluster_studio("auto")
    result = studio.run("photo.png", pictures=4, seed=7)

``marsam batch --cluster`` captions a folder with :func:`batch_cluster`.

Importing the package does not import Ray: Ray reads the environment when it is imported, and
:func:`cluster_studio` sets it first.
"""

from marsam.cluster.batch_engine import BatchCluster, batch_cluster
from marsam.cluster.connect import cluster_studio
from marsam.cluster.plan import Plan, StageResources
from marsam.errors import ClusterError

__all__ = [
    "BatchCluster",
    "ClusterError",
    "Plan",
    "StageResources",
    "batch_cluster",
    "cluster_studio",
]
