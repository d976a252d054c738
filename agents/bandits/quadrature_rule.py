"""The rule by which the probabilities of Thompson sampling are integrated; shared by both implementations."""

import numpy as np

NODE_COUNT = 12
_points, _weights = np.polynomial.legendre.leggauss(NODE_COUNT)
NODES = np.ascontiguousarray(_points[::-1])
"""Gauss-Legendre nodes on (-1, 1), highest first."""
WEIGHTS = np.ascontiguousarray(_weights[::-1])
"""Their weights."""

RELEVANT_SD = 6.8
"""A score lies within so many standard deviations of its mean, but for 5e-12."""
ZONE_EDGE = 6.6
"""From so many standard deviations on, a CDF counts as constant within a panel."""
ZONE_STEP = 2.0
"""Widest panel inside a score's zone, in its standard deviations."""
SUM_ERROR = 3e-9
"""The integrals sum to 1 exactly; a larger deviation sends the row from the trapezoid rule to panels."""
MOST_TRAPEZOID_NODES = 120.0
"""Where the trapezoid rule would take more, panels take over."""
NOTHING_LEFT = 1e-12
"""Probability of all scores lying lower, below which the integration downward ends."""
