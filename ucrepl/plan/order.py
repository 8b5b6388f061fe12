"""The order in which tables can be written: what is referred to comes first, circles stay together."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def strongly_connected(references: Mapping[Node, Iterable[Node]]) -> list[tuple[Node, ...]]:
    """The strongly connected components of a graph, each after all those that it refers to.

    `references` maps each node to those that it refers to; targets that are not nodes are left out.
    Tarjan's algorithm (SIAM J. Comput. 1, 1972), with a stack of its own instead of recursion.
    """
    index: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    open_nodes: list[Node] = []
    is_open: set[Node] = set()
    components: list[tuple[Node, ...]] = []
    for start in references:
        if start in index:
            continue
        work = [(start, iter(references[start]))]
        index[start] = lowest[start] = len(index)
        open_nodes.append(start)
        is_open.add(start)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in references:
                    continue
                if target not in index:
                    index[target] = lowest[target] = len(index)
                    open_nodes.append(target)
                    is_open.add(target)
                    work.append((target, iter(references[target])))
                    break
                if target in is_open:
                    lowest[node] = min(lowest[node], index[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    lowest[parent] = min(lowest[parent], lowest[node])
                if lowest[node] == index[node]:
                    cut = open_nodes.index(node)
                    component = tuple(open_nodes[cut:])
                    del open_nodes[cut:]
                    is_open.difference_update(component)
                    components.append(component)
    return components
