"""The CPU that guests see: what CPUID tells them, by the names of the SDM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuestCpu:
    """Which CPU it is, and what it can do."""

    model: str
    vendor: str
    family: int
    model_number: int
    stepping: int
    features: list[str]
    absent: list[str]
    """Features with a name here that it does not have."""

    def __str__(self) -> str:
        """Brand and signature, for people."""
        signature = f"family {self.family}, model {self.model_number}, stepping {self.stepping}"
        return f"{self.model} ({signature})"

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what it has and has not, for people."""
        yield "it has", ", ".join(self.features)
        yield "it has not", ", ".join(self.absent)


def guest_cpu(engine: str) -> GuestCpu:
    """Ask a CPU of ``engine`` what it is."""
    # Loaded here: where the libraries do not load, `vectoros doctor` is to say so.
    from vectoros.cpu.cpuid_reader import CpuidReader
    from vectoros.cpu.features import FEATURES, advertised, identity

    read = CpuidReader(engine)
    try:
        found = identity(read)
        names = [feature.name for feature in advertised(read)]
    finally:
        read.close()
    absent = [feature.name for feature in FEATURES if feature.name not in names]
    return GuestCpu(
        found.brand, found.vendor, found.family, found.model, found.stepping, names, absent
    )
