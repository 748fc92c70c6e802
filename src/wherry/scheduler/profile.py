"""Which plug-ins there are: one ordered list.

Filters are asked in this order, and the first that refuses a node gives the reason; a score counts with its weight.
To add one, see docs/how-to/add-a-scheduler-plugin.md.
"""

from wherry.scheduler.plugins import Filter, Narrower, Scorer
from wherry.scheduler.plugins.image_locality import ImageLocality
from wherry.scheduler.plugins.node_affinity import NodeAffinity
from wherry.scheduler.plugins.node_name import NodeName
from wherry.scheduler.plugins.node_ports import NodePorts
from wherry.scheduler.plugins.node_resources_balanced import NodeResourcesBalancedAllocation
from wherry.scheduler.plugins.node_resources_fit import NodeResourcesFit
from wherry.scheduler.plugins.node_unschedulable import NodeUnschedulable
from wherry.scheduler.plugins.taint_toleration import TaintToleration

# (plug-in, weight of its score). Source: apis/config/v1/default_plugins.go.
PLUGINS: tuple[tuple[Filter | Scorer, int], ...] = (
    (NodeUnschedulable(), 0),
    (NodeName(), 0),
    (TaintToleration(), 3),
    (NodeAffinity(), 2),
    (NodePorts(), 0),
    (NodeResourcesFit(), 1),
    (NodeResourcesBalancedAllocation(), 1),
    (ImageLocality(), 1),
)


class Profile:
    """The list by what its members do."""

    def __init__(self, plugins: tuple[tuple[Filter | Scorer, int], ...] = PLUGINS) -> None:
        members = [plugin for plugin, _ in plugins]
        self.filters: list[Filter] = [plugin for plugin in members if isinstance(plugin, Filter)]
        self.narrowers: list[Narrower] = [plugin for plugin in members if isinstance(plugin, Narrower)]
        scorers = [(plugin, weight) for plugin, weight in plugins if isinstance(plugin, Scorer) and weight]
        # Scores that compare the nodes a pod may go to are made for each pod anew; the others are kept summed up.
        self.comparing = [(plugin, weight) for plugin, weight in scorers if plugin.normalise]
        self.static = [(plugin, weight) for plugin, weight in scorers if not plugin.normalise and not plugin.live]
        self.live = [(plugin, weight) for plugin, weight in scorers if not plugin.normalise and plugin.live]
