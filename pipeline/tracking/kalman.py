"""The constant-velocity Kalman filter of SORT, DeepSORT and ByteTrack, for all tracks at once.

State: centre x, centre y, aspect a = width / height, height h, and their velocities per frame. Motion, observation and
noise treat the four coordinates alike and apart, so the usual 8×8 covariance is four 2×2 ones: for each coordinate the
variance of its value, its covariance with the velocity, and the velocity's variance. That is the same filter
(golden/bytetrack holds its 8×8 matrices), as arithmetic on N×4 arrays.

Source: Bewley et al., Simple Online and Realtime Tracking, ICIP 2016; noise as in Wojke et al., ICIP 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

POSITION_NOISE = 1 / 20  # standard deviations, as a share of the height
VELOCITY_NOISE = 1 / 160
ASPECT_NOISE, ASPECT_VELOCITY_NOISE, ASPECT_MEASURED_NOISE = 1e-2, 1e-5, 1e-1
ASPECT, HEIGHT = 2, 3  # columns


@dataclass(slots=True)
class KalmanState:
    """N filters: value and velocity N×4 (x, y, a, h); covariance N×3×4 (value, value–velocity, velocity)."""

    value: Float64
    velocity: Float64
    covariance: Float64

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, rows: slice) -> KalmanState:
        return KalmanState(self.value[rows], self.velocity[rows], self.covariance[rows])

    @classmethod
    def stack(cls, states: list[KalmanState]) -> KalmanState:
        """One state of all rows; `states` must not be empty."""
        return cls(
            np.concatenate([state.value for state in states]),
            np.concatenate([state.velocity for state in states]),
            np.concatenate([state.covariance for state in states]),
        )


def initiate(measured: Float64) -> KalmanState:
    """Filters for N×4 first measurements (x, y, a, h), at rest and with wide velocities."""
    height = measured[:, HEIGHT]
    covariance = np.zeros((len(measured), 3, 4))
    covariance[:, 0] = _variance(2 * POSITION_NOISE * height, ASPECT_NOISE)
    covariance[:, 2] = _variance(10 * VELOCITY_NOISE * height, ASPECT_VELOCITY_NOISE)
    return KalmanState(measured.astype(np.float64), np.zeros((len(measured), 4)), covariance)


def predict(state: KalmanState) -> KalmanState:
    """One frame later."""
    height = state.value[:, HEIGHT]
    value, cross, velocity = state.covariance.transpose(1, 0, 2)
    covariance = np.stack(
        [
            value + 2 * cross + velocity + _variance(POSITION_NOISE * height, ASPECT_NOISE),
            cross + velocity,
            velocity + _variance(VELOCITY_NOISE * height, ASPECT_VELOCITY_NOISE),
        ],
        axis=1,
    )
    return KalmanState(state.value + state.velocity, state.velocity, covariance)


def go_on(state: KalmanState, frames: int) -> KalmanState:
    """Where the filters' values are so many frames later; how sure they are is left as it is."""
    return KalmanState(state.value + frames * state.velocity, state.velocity, state.covariance)


def update(state: KalmanState, measured: Float64) -> KalmanState:
    """Corrected by N×4 measurements (x, y, a, h)."""
    value, cross, velocity = state.covariance.transpose(1, 0, 2)
    total = value + _variance(POSITION_NOISE * state.value[:, HEIGHT], ASPECT_MEASURED_NOISE)
    value_gain, velocity_gain = value / total, cross / total
    surprise = measured - state.value
    return KalmanState(
        state.value + value_gain * surprise,
        state.velocity + velocity_gain * surprise,
        np.stack([value - value_gain * value, cross - value_gain * cross, velocity - velocity_gain * cross], axis=1),
    )


def _variance(deviation: Float64, aspect_deviation: float) -> Float64:
    """N×4 variances from N standard deviations in pixels; the aspect's has no pixels."""
    variance = np.repeat(np.square(deviation)[:, None], 4, axis=1)
    variance[:, ASPECT] = aspect_deviation**2
    return variance
