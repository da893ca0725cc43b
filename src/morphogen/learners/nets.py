"""Small networks for learners, as recipes: a frozen dataclass that makes a fresh model from a key and compares equal to its twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError


class Layer(eqx.Module):
    """An affine map: x (..., inputs) to x @ weight + bias (..., outputs)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return x @ self.weight + self.bias


class Network(eqx.Module):
    """Layers with `activation` between them. `x` (..., inputs) to logits (..., outputs)."""

    layers: tuple[Layer, ...]
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        return self.hidden(x)[-1]

    def hidden(self, x: Array) -> list[Array]:
        """What each layer gives: after the activation in hidden layers, the logits last."""
        values = []
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
            values.append(x)
        return [*values, self.layers[-1](x)]


def gelu(x: Array) -> Array:
    """x Phi(x) in the tanh approximation, Flax's default. Source: Hendrycks & Gimpel (2016)."""
    return jax.nn.gelu(x, approximate=True)


@dataclass(frozen=True)
class Dense:
    """A recipe for a multilayer perceptron with the given `widths`, inputs first and outputs last.

    Weights are LeCun normal: variance 1 / fan-in, truncated at two standard deviations and rescaled (LeCun et al. 1998, as in
    Flax); biases are normal with variance `bias_scale` / fan-out, or zero for `bias_scale=0`.
    """

    widths: tuple[int, ...]
    activation: Callable[[Array], Array] = gelu
    bias_scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise MorphogenError(f"widths must be at least two positive numbers, inputs first and outputs last: got {self.widths}")

    def __call__(self, key: PRNGKeyArray) -> Network:
        keys = jax.random.split(key, len(self.widths) - 1)
        pairs = zip(keys, pairwise(self.widths), strict=True)
        return Network(tuple(self._layer(k, fan_in, fan_out) for k, (fan_in, fan_out) in pairs), self.activation)

    def _layer(self, key: PRNGKeyArray, fan_in: int, fan_out: int) -> Layer:
        weight_key, bias_key = jax.random.split(key)
        weight = jax.nn.initializers.lecun_normal()(weight_key, (fan_in, fan_out))
        bias = jax.random.normal(bias_key, (fan_out,)) * jnp.sqrt(self.bias_scale / fan_out)
        return Layer(weight, bias)

    @property
    def size(self) -> int:
        """How many weights and biases the network has."""
        return sum(a * b + b for a, b in pairwise(self.widths))


def cross_entropy(model: Any, batch: tuple[Array, Array]) -> Array:
    """Mean of -log p(label), in nats, over `batch` = (inputs (n, ...), integer labels (n,))."""
    inputs, labels = batch
    chosen = jnp.take_along_axis(jax.nn.log_softmax(model(inputs)), labels[:, None], axis=-1)
    return -chosen.mean()


def accuracy(model: Any, batch: tuple[Any, Any]) -> Array:
    """Share of `batch` = (inputs (n, ...), integer labels (n,)) whose largest logit is the label's."""
    inputs, labels = batch
    return (model(inputs).argmax(-1) == labels).mean()
