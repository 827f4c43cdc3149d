"""How one operator carries a change of layout: given the new order of axes of one value, that of the others.

A permutation p of a value v means: what is stored is v' = transpose(v, p), so axis i of v' is axis p[i] of v.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgec.ir import Node, Value
from edgec.ops.movement import ConcatAttrs, PadAttrs, ReshapeAttrs, SliceAttrs
from edgec.ops.pool import ReduceAttrs
from edgec.ops.softmax import ArgMaxAttrs, SoftmaxAttrs

Perm = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Permutations of a node's inputs (None: stays as it is) and output, and the attributes for them."""

    inputs: tuple[Perm | None, ...]
    output: Perm
    attrs: object


def spread(node: Node, value: Value, perm: Perm) -> Layout | None:
    """The node's layout when its input or output `value` has permutation `perm`; None where it can't follow."""
    attrs = node.attrs
    if node.op.name in ("QuantizeLinear", "DequantizeLinear") or node.op.evaluate is not None:
        return Layout((perm,) * len(node.inputs), perm, attrs)
    if node.op.name == "Table":
        return Layout((perm, None), perm, attrs)
    if node.op.name == "Gemm":
        return gemm_layout(node, perm)
    if isinstance(attrs, ReshapeAttrs):
        return reshape_layout(node, value, perm)
    if isinstance(attrs, ReduceAttrs):
        return reduce_layout(node, value, perm, attrs.axes, attrs.keepdims)
    if isinstance(attrs, ArgMaxAttrs):
        return reduce_layout(node, value, perm, (attrs.axis,), attrs.keepdims)
    moved = same_perm_attrs(attrs, perm)
    return Layout((perm,) * len(node.inputs), perm, moved) if moved is not None else None


def same_perm_attrs(attrs: object, perm: Perm) -> object | None:
    """New attributes of operators whose inputs and output all take the same permutation; None for others."""
    if isinstance(attrs, ConcatAttrs | SoftmaxAttrs):
        return replace(attrs, axis=perm.index(attrs.axis))
    if isinstance(attrs, SliceAttrs):
        return SliceAttrs(pick(attrs.starts, perm), pick(attrs.steps, perm), pick(attrs.sizes, perm))
    if isinstance(attrs, PadAttrs):
        return replace(attrs, before=pick(attrs.before, perm), after=pick(attrs.after, perm))
    return None


def pick(values: Sequence[int], perm: Perm) -> tuple[int, ...]:
    return tuple(values[axis] for axis in perm)


def gemm_layout(node: Node, perm: Perm) -> Layout | None:
    """A dense layer works on the last axis; the others may come in any order."""
    if perm[-1] != len(perm) - 1:
        return None
    return Layout((perm, *[None] * (len(node.inputs) - 1)), perm, node.attrs)


def reduce_layout(node: Node, value: Value, perm: Perm, axes: Sequence[int], keepdims: bool) -> Layout | None:
    """ReduceMean and ArgMax: the axes are renamed; without keepdims the rest keeps its order."""
    if not keepdims and value is not node.inputs[0]:
        kept = [axis for axis in range(len(node.inputs[0].type.shape)) if axis not in axes]
        perm = with_reduced_axes(tuple(kept[axis] for axis in perm), axes)
    new_axes = tuple(sorted(perm.index(axis) for axis in axes))
    if new_axes != tuple(range(new_axes[0], new_axes[0] + len(new_axes))):
        return None
    kept = [axis for axis in perm if axis not in axes]
    output = perm if keepdims else tuple(sorted(kept).index(axis) for axis in kept)
    attrs = node.attrs
    if isinstance(attrs, ReduceAttrs):
        return Layout((perm,), output, replace(attrs, axes=new_axes))
    if isinstance(attrs, ArgMaxAttrs):
        return Layout((perm,), output, replace(attrs, axis=new_axes[0]))
    return None


def with_reduced_axes(kept: Perm, axes: Sequence[int]) -> Perm:
    """The reduced axes put back where they were, between the kept ones in their new order."""
    perm = list(kept)
    for axis in sorted(axes):
        perm.insert(axis, axis)
    return tuple(perm)


def reshape_layout(node: Node, value: Value, perm: Perm) -> Layout | None:
    """Layout of a Reshape whose axes can be permuted in groups; None where they can't."""
    before, after = node.inputs[0].type.shape, node.output.type.shape
    forward = value is node.inputs[0]
    other = reshaped_perm(before, after, perm) if forward else reshaped_perm(after, before, perm)
    if other is None:
        return None
    output = other if forward else perm
    return Layout((perm if forward else other,), output, ReshapeAttrs(pick(after, output)))


def reshaped_perm(before: Sequence[int], after: Sequence[int], perm: Perm) -> Perm | None:
    """The permutation of `after` that holds the same elements in the same order as `before` permuted.

    Axes fall into groups of equal products, (4, 6) -> (2, 2, 6): {0} -> {0, 1}, {1} -> {2}; a permutation that keeps
    each group together permutes the groups. Axes of size 1 stay behind the axis that they follow.
    """
    groups = axis_groups(before, after)
    order: list[int] = []
    real = [axis for axis in perm if before[axis] != 1]
    while real:
        number = next(n for n, (source, _) in enumerate(groups) if real[0] in source)
        source = groups[number][0]
        if real[: len(source)] != source:
            return None
        order.append(number)
        real = real[len(source) :]
    placed = [axis for number in order for axis in groups[number][1]]
    result: list[int] = []
    leading = next((axis for axis, size in enumerate(after) if size != 1), len(after))
    result += range(leading)
    for axis in placed:
        result.append(axis)
        follower = axis + 1
        while follower < len(after) and after[follower] == 1:
            result.append(follower)
            follower += 1
    return tuple(result)


def axis_groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest split of the axes larger than 1 into runs of equal products."""
    sources = [axis for axis, size in enumerate(before) if size != 1]
    results = [axis for axis, size in enumerate(after) if size != 1]
    groups: list[tuple[list[int], list[int]]] = []
    while sources or results:
        source, result = [sources.pop(0)], [results.pop(0)]
        left, right = before[source[0]], after[result[0]]
        while left != right:
            if left < right:
                source.append(sources.pop(0))
                left *= before[source[-1]]
            else:
                result.append(results.pop(0))
                right *= after[result[-1]]
        groups.append((source, result))
    return groups


def inverse(perm: Perm) -> Perm:
    return tuple(perm.index(axis) for axis in range(len(perm)))


def compose(first: Perm, second: Perm) -> Perm:
    """transpose(transpose(x, first), second) = transpose(x, compose(first, second))."""
    return tuple(first[axis] for axis in second)
