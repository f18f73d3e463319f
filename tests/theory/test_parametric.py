"""Parametric elasticity: the laws of gradients and curvature, against a softmax that is solved to its end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.optimize import minimize

from compresslab.errors import InvalidParameter, InvalidVolume
from compresslab.theory.parametric import (
    early_stopping_residual,
    first_order_nats,
    influence_nats,
    second_order,
    stationarity,
    stationarity_of_products,
)

seeds = st.integers(0, 10_000)


class Family:
    """An exponential family of two parameters over five tokens, and three datasets: a model that fits none of them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(5, 2))
        self.data = rng.dirichlet(np.ones(5), size=3)

    def solve(self, volumes: np.ndarray) -> np.ndarray:
        target = volumes @ self.data

        def loss(theta: np.ndarray) -> float:
            z = self.features @ theta
            return float(volumes.sum() * np.logaddexp.reduce(z) - target @ z)

        def slope(theta: np.ndarray) -> np.ndarray:
            return self.gradient(theta, target, volumes.sum())

        def bend(theta: np.ndarray) -> np.ndarray:
            return self.hessian(theta, volumes.sum())

        theta = minimize(loss, np.zeros(2), jac=slope, hess=bend, method="trust-exact").x
        for _ in range(4):  # to the last digit
            theta = theta - np.linalg.solve(bend(theta), slope(theta))
        return theta

    def q(self, theta: np.ndarray) -> np.ndarray:
        z = self.features @ theta
        return np.exp(z - np.logaddexp.reduce(z))

    def gradient(self, theta: np.ndarray, target: np.ndarray, total: float = 1.0) -> np.ndarray:
        return (total * self.q(theta) - target) @ self.features

    def lengths(self, theta: np.ndarray) -> np.ndarray:
        return -self.data @ np.log(self.q(theta))

    def hessian(self, theta: np.ndarray, total: float) -> np.ndarray:
        q = self.q(theta)
        centred = self.features - q @ self.features
        return total * (centred.T * q) @ centred


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_influence_is_how_the_solution_moves(seed: int) -> None:
    family, n, h = Family(seed), np.array([10.0, 1.0, 0.5]), 1e-4
    theta = family.solve(n)
    gradients = np.array([family.gradient(theta, row) for row in family.data])
    found = influence_nats(family.hessian(theta, n.sum()), gradients)
    for t in range(3):
        step = h * np.eye(3)[t]
        moved = (family.lengths(family.solve(n + step)) - family.lengths(family.solve(n - step))) / (2 * h)
        assert found[:, t] == pytest.approx(moved, abs=1e-5)
    assert found == pytest.approx(found.T, abs=1e-9)
    assert n @ found == pytest.approx(np.zeros(3), abs=1e-6)  # conservation: training ended at a stationary point
    assert (np.diag(found) <= 1e-12).all()


@given(seeds, st.floats(0.5, 100))
def test_at_a_stationary_point_the_ratio_is_minus_k_in_every_direction(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    pretrain, step = rng.normal(size=(2, 7))
    change, residual = first_order_nats([k, 1], [pretrain, -k * pretrain], step)
    assert change[1] == pytest.approx(-k * change[0])
    assert abs(residual) <= 1e-9 * np.abs(change).sum() * k
    found = stationarity(pretrain, -k * pretrain)
    assert found.k == pytest.approx(k)
    assert found.cosine == pytest.approx(-1)
    assert found.residual == pytest.approx(0, abs=1e-12)
    other = stationarity(pretrain, step)
    assert other.residual**2 == pytest.approx(2 * (1 + other.cosine), abs=1e-12)


@given(st.floats(0.01, 10), st.floats(0.01, 10))
def test_pretraining_turns_where_the_second_order_says(slope: float, curvature: float) -> None:
    k, found = 10.0, second_order(slope, curvature)

    def pretrain(eta: float) -> float:
        """k L_p + L_a = eta^2 h / 2, and L_a loses eta a."""
        return (eta**2 * curvature / 2 - eta * slope) / k

    turn = found.turning_point
    assert pretrain(turn) <= min(pretrain(turn * 0.99), pretrain(turn * 1.01)) + 1e-15
    assert pretrain(found.back_at) == pytest.approx(0, abs=1e-12)
    assert found.align_loss_at_turn == pytest.approx(turn * slope)
    assert second_order(slope, 0.0).turning_point == math.inf


@given(seeds, st.floats(0, 5))
def test_the_residual_of_early_stopping_is_the_matrix_exponential(seed: int, time: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(4, 4))
    h, x = a @ a.T, rng.normal(size=4)
    assert early_stopping_residual(h, x, time) == pytest.approx(h @ expm(-time * h) @ x, abs=1e-8)


def test_degenerate_gradients_are_said_to_be() -> None:
    none = stationarity([0.0, 0.0], [1.0, 0.0])
    assert math.isnan(none.k)
    assert math.isnan(stationarity([1.0], [0.0]).cosine)


def test_bad_input() -> None:
    with pytest.raises(InvalidVolume, match="volumes are positive"):
        first_order_nats([1, 0], [[1.0], [1.0]], [1.0])
    with pytest.raises(InvalidParameter, match="do not fit"):
        first_order_nats([1, 1], [[1.0], [1.0]], [1.0, 2.0])
    with pytest.raises(InvalidParameter, match="one shape"):
        stationarity([1.0], [1.0, 2.0])
    with pytest.raises(InvalidParameter, match="singular"):
        influence_nats([[0.0]], [[1.0]])
    with pytest.raises(InvalidParameter, match="a Hessian is symmetric"):
        influence_nats([[1.0, 2.0], [0.0, 1.0]], [[1.0, 0.0]])
    with pytest.raises(InvalidParameter, match="a slope is positive"):
        second_order(-1.0, 1.0)
    with pytest.raises(InvalidParameter, match="symmetric Hessian"):
        early_stopping_residual([[1.0]], [1.0], -1.0)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 6))
def test_stationarity_needs_the_inner_products_alone(seed: int, size: int) -> None:
    p, a = np.random.default_rng(seed).standard_normal((2, size))
    whole, short = stationarity(p, a), stationarity_of_products(float(p @ p), float(p @ a), float(a @ a))
    assert short.cosine == pytest.approx(whole.cosine, abs=1e-12)
    assert short.k == pytest.approx(whole.k)
    assert short.residual == pytest.approx(whole.residual, abs=1e-7)
    with pytest.raises(InvalidParameter, match="inner products of two gradients"):
        stationarity_of_products(1.0, 2.0, 1.0)
