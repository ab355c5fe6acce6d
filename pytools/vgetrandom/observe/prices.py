"""What one request costs on this host: by the system call, and with the library."""

from __future__ import annotations

from dataclasses import dataclass

from ..doctor.measurement import measure, try_library
from ..preload.library import library_path
from .counter import CLASSES

SIZES = (*CLASSES, 65536)  # bytes: where prices are measured


@dataclass(frozen=True)
class Prices:
    """Nanoseconds a request of each of SIZES. `library` equals `system_call` where the library gains nothing here."""

    system_call: tuple[float, ...]
    library: tuple[float, ...]
    active: bool  # whether the library serves from the vDSO on this host

    def cost(self, calls: int, size: int) -> float:
        """Seconds for so many system calls that ask for so many bytes together."""
        return _price(self.system_call, calls, size) * calls / 1e9

    def gain(self, calls: int, size: int) -> float:
        """Seconds of these that the library would save; 0 where it would save none."""
        return max(0.0, self.cost(calls, size) - _price(self.library, calls, size) * calls / 1e9)


def measure_prices() -> Prices | None:
    """Half a second's work; None where the program that measures is missing. Raises VgetrandomError without library."""
    library = library_path()
    system_call, served = [], []
    status = ""
    for size in SIZES:
        plain, trial = measure(None, size), try_library(library, size)
        if plain is None or plain.system_call is None:
            return None
        system_call.append(plain.system_call)
        served.append(plain.system_call if trial.draw is None else trial.draw)
        status = trial.status
    active = status == "active"
    return Prices(tuple(system_call), tuple(served if active else system_call), active)


def _price(prices: tuple[float, ...], calls: int, size: int) -> float:
    """Nanoseconds for a request of the mean length: on straight lines between the measured lengths."""
    if not calls:
        return 0.0
    mean = max(size / calls, SIZES[0])
    index = next((place for place in range(1, len(SIZES)) if mean <= SIZES[place]), len(SIZES) - 1)
    low, high = SIZES[index - 1], SIZES[index]
    slope = (prices[index] - prices[index - 1]) / (high - low)
    return prices[index - 1] + slope * (mean - low)
