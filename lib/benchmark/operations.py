"""Count the operations of a program and the least time that a card needs for them.

Only convolutions and matrix products are counted, from the program as JAX traces it, before a
compiler divides it into kernels: on a GPU, XLA's own analysis leaves out those that libraries of
the card's maker compute. All other work (activations, batch norm, optimizers, augmentation) makes
a program slower than the least time given here.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jax.interpreters.partial_eval import dce_jaxpr


class Operation(NamedTuple):
    """A convolution or matrix product, or several of the same."""

    flops: float  # multiplications and additions
    bytes: float  # of its operands and its result, each moved once
    dtype: str  # of its operands


class Ceilings(NamedTuple):
    """What a card can do at most, as measured (`lib.benchmark.card.ceilings`)."""

    flops_per_s: dict[str, float]  # by type of number
    bytes_per_s: float


def least_seconds(operations: Iterable[Operation], ceilings: Ceilings) -> float:
    """Return the sum over operations of the time for their arithmetic or for their bytes.

    The roofline model (Williams et al. 2009, doi 10.1145/1498765.1498785): the larger of the two.
    Products of integers, which are few, count as those of float32.
    """
    of_float32 = ceilings.flops_per_s["float32"]
    return sum(
        max(flops / ceilings.flops_per_s.get(dtype, of_float32), size / ceilings.bytes_per_s)
        for flops, size, dtype in operations
    )


def operations(traced) -> list[Operation]:
    """Return the operations of `jax.jit(function).trace(...)`, without those of unused results.

    A loop of known length counts as often as it runs, one of unknown length once; of several
    branches the one of most arithmetic counts.
    """
    jaxpr = _opened(traced.jaxpr)
    used, _ = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), instantiate=True)
    return list(_operations(used, 1))


def _operations(jaxpr, times: float) -> Iterator[Operation]:
    """Yield the operations of a jaxpr, which runs so many times, and of the programs inside it."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in FLOPS:
            arrays = [variable.aval for variable in (*equation.invars, *equation.outvars)]
            size = sum(array.size * array.dtype.itemsize for array in arrays)
            flops = FLOPS[name](equation)
            yield Operation(times * flops, times * size, arrays[0].dtype.name)
            continue
        repeats = times * equation.params["length"] if name == "scan" else times
        inside = [list(_operations(program, repeats)) for program in _programs(equation)]
        if name == "cond":
            inside = [max(inside, key=lambda branch: sum(each.flops for each in branch))]
        for each in inside:
            yield from each


def _programs(equation) -> Iterator:
    """Yield the jaxprs among the parameters of an equation."""
    for value in equation.params.values():
        for item in value if isinstance(value, list | tuple) else [value]:
            program = _opened(item)
            if hasattr(program, "eqns"):
                yield program


def _opened(item):
    """Return the jaxpr of a closed one."""
    return getattr(item, "jaxpr", item)


def _of_product(equation) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return 2.0 * equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted)


def _of_convolution(equation) -> float:
    """Count the products of a film's pixel and a weight, without those of padding and of gaps."""
    options = equation.params
    film, kernel = (variable.aval.shape for variable in equation.invars)
    _, channels, *film_axes = options["dimension_numbers"].lhs_spec
    filters, _, *kernel_axes = options["dimension_numbers"].rhs_spec
    batch, _, *out_axes = options["dimension_numbers"].out_spec
    out = equation.outvars[0].aval.shape
    pairs = 1
    for number, (film_axis, kernel_axis, out_axis) in enumerate(
        zip(film_axes, kernel_axes, out_axes, strict=True)
    ):
        spacing = options["lhs_dilation"][number]
        place = (
            np.arange(out[out_axis])[:, None] * options["window_strides"][number]
            + np.arange(kernel[kernel_axis]) * options["rhs_dilation"][number]
            - options["padding"][number][0]
        )
        within = (place >= 0) & (place <= (film[film_axis] - 1) * spacing)
        pairs *= int((within & (place % spacing == 0)).sum())
    per_group = film[channels] // options["feature_group_count"]
    return 2.0 * pairs * out[batch] * per_group * kernel[filters]


FLOPS = {"dot_general": _of_product, "conv_general_dilated": _of_convolution}
