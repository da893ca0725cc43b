"""Persistence of known shapes, and against gudhi on the same cloud."""

import gudhi
import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist, pdist, squareform

from morphogen.errors import MorphogenError
from morphogen.measures.topology import maximum_persistence, persistence_diagrams, total_persistence

cloud = np.random.default_rng(0).normal(size=(60, 3))


def polygon(n, radius=1.0):
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("n", [4, 5, 6, 7, 12, 31])
def test_loop_of_a_regular_polygon_is_born_at_its_side_and_dies_with_the_triangle_round_its_centre(n):
    loop = persistence_diagrams(polygon(n, 2.5))[1]
    np.testing.assert_allclose(loop, [[5 * np.sin(np.pi / n), 5 * np.sin(np.pi * np.ceil(n / 3) / n)]], rtol=1e-6)
    assert maximum_persistence.value(polygon(n, 2.5)) == pytest.approx(loop[0, 1] - loop[0, 0])


def sphere(n, seed=1):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_agrees_with_gudhi_in_all_dimensions():
    shell = sphere(70) + 0.05 * cloud[0]
    tree = gudhi.RipsComplex(points=shell).create_simplex_tree(max_dimension=3)
    tree.compute_persistence(homology_coeff_field=2)
    ours = persistence_diagrams(shell, dimension=2)
    assert len(ours[0]) == 70 and len(ours[1]) > 5 and len(ours[2]) > 0
    for dimension, diagram in enumerate(ours):
        theirs = tree.persistence_intervals_in_dimension(dimension)
        theirs = theirs[theirs[:, 1] > theirs[:, 0] * (1 + 1e-6)]  # ripser leaves out pairs that die when they are born
        np.testing.assert_allclose(diagram[np.lexsort(diagram.T)], theirs[np.lexsort(theirs.T)], rtol=1e-5)


def test_total_persistence_of_components_is_the_minimum_spanning_tree():
    length = minimum_spanning_tree(squareform(pdist(cloud))).sum()
    assert total_persistence.value(cloud, dimension=0) == pytest.approx(length, rel=1e-6)
    lives = np.diff(persistence_diagrams(cloud)[1], axis=1)
    assert total_persistence.value(cloud, power=2.0) == pytest.approx((lives**2).sum())


def test_void_of_a_sphere_dies_with_the_tetrahedron_round_its_centre():
    points = sphere(150)
    cover = cdist(sphere(5000, seed=2), points).min(axis=1).max()
    void = persistence_diagrams(points, dimension=2)[2]
    longest = void[np.argmax(void[:, 1] - void[:, 0])]
    assert longest[1] == pytest.approx(np.sqrt(8 / 3), abs=2 * cover)
    assert longest[0] < 2 * cover
    assert maximum_persistence.value(points, dimension=2) == pytest.approx(longest[1] - longest[0])


def test_points_on_a_line_have_no_loop():
    line = np.stack([np.arange(20.0), np.zeros(20)], axis=1)
    assert maximum_persistence.value(line) == 0
    assert total_persistence.value(line) == 0
    assert maximum_persistence.value(line, dimension=0) == pytest.approx(1)


def test_a_sample_moves_lives_by_at_most_its_covering_radius():
    random = np.random.default_rng(2)
    angle = random.uniform(0, 2 * np.pi, 4000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with pytest.raises(MorphogenError, match="4000 points need .* GB .* sample="):
        maximum_persistence.value(circle)
    assert len(persistence_diagrams(circle, sample=150)[0]) == 150
    # 150 farthest points cover the circle to within 2 pi / 150: four times that bounds the change of a life.
    assert maximum_persistence.value(circle, sample=150) == pytest.approx(np.sqrt(3), abs=8 * np.pi / 150)
    assert maximum_persistence.value(polygon(30), sample=30) == pytest.approx(maximum_persistence.value(polygon(30)))


@pytest.mark.parametrize(
    ("points", "options", "says"),
    [
        (np.ones((1, 2)), {}, "too few"),
        (np.ones(9), {}, "shape"),
        (np.full((9, 2), np.nan), {}, "NaN"),
        (np.ones((9, 2)), {}, "coincide"),
        (cloud, {"dimension": 4}, "dimension=4"),
        (cloud, {"sample": 61}, "sample=61"),
    ],
)
def test_bad_input_is_refused_in_one_line(points, options, says):
    for reading in (maximum_persistence, total_persistence):
        with pytest.raises(MorphogenError, match=says) as caught:
            reading.value(points, **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(MorphogenError, match="power=0"):
        total_persistence.value(cloud, power=0)
    with pytest.raises(MorphogenError, match="threshold=-1"):
        persistence_diagrams(cloud, threshold=-1)


def test_a_reading_tells_a_circle_from_shuffled_coordinates():
    random = np.random.default_rng(3)
    circle = polygon(60) + 0.05 * random.normal(size=(60, 2))
    reading = maximum_persistence(circle, surrogates=39)
    assert reading.p == 1 / 40 and reading.value > 2 * reading.null_mean and reading.interval == "none"
