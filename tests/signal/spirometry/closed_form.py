"""Blows whose every index is known in closed form: a linear rise, then two exponentials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koffert_signal.checks import Floats


@dataclass(frozen=True)
class Model:
    """flow = pef t/tr up to tr, then pef (w exp(-(t-tr)/tau1) + (1-w) exp(-(t-tr)/tau2)) up to t_end."""

    pef: float
    tr: float
    w: float
    tau1: float
    tau2: float
    t_end: float

    def flow_l_s(self, time_s: Floats) -> Floats:
        after = np.maximum(time_s - self.tr, 0)
        fall = self.w * np.exp(-after / self.tau1) + (1 - self.w) * np.exp(-after / self.tau2)
        flow = self.pef * np.where(time_s < self.tr, time_s / self.tr, fall)
        return np.where((time_s < 0) | (time_s > self.t_end), 0.0, flow)

    def volume_l(self, time_s: Floats) -> Floats:
        t = np.clip(time_s, 0, self.t_end)
        rise, after = np.minimum(t, self.tr), np.maximum(t - self.tr, 0)
        fast = self.w * self.tau1 * -np.expm1(-after / self.tau1)
        slow = (1 - self.w) * self.tau2 * -np.expm1(-after / self.tau2)
        return self.pef * (rise**2 / (2 * self.tr) + fast + slow)

    def times_s(self, rate_hz: float, offset_s: float = 0.0) -> Floats:
        """Sample times from half a second before the blow to half a second after it."""
        return np.arange(-0.5 + offset_s, self.t_end + 0.5, 1 / rate_hz)
