"""The bank of noises: of unit power, of every kind, round without a click, and the same again."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.augment.noise import NoiseLibrary
from vivavoce.augment.noise_bank import NoiseBank, NoiseBankConfig

RATE = 16000


@pytest.fixture(scope="module")
def library() -> NoiseLibrary:
    rng = np.random.default_rng(0)
    return NoiseLibrary({str(n): (0.1 * rng.standard_normal(3 * RATE)).astype(np.float32) for n in range(3)}, RATE)


@pytest.mark.parametrize("shares", [{"texture": 1.0}, {"texture": 0.0, "colour": 1.0}, {"texture": 0.0, "colour": 0.0}])
def test_pieces_have_unit_power_and_can_be_made_again(library: NoiseLibrary, shares: dict[str, float]) -> None:
    config = NoiseBankConfig(6, **shares)
    bank, again = NoiseBank(library, 2 * RATE, config, seed=3), NoiseBank(library, 2 * RATE, config, seed=3)
    assert len(bank) == 6
    drawn = [bank.draw(np.random.default_rng(seed)) for seed in range(8)]
    for seed, piece in enumerate(drawn):
        assert (piece.shape, piece.dtype) == ((2 * RATE,), np.float32)
        assert np.mean(piece.astype(float) ** 2) == pytest.approx(1.0, rel=1e-3)
        np.testing.assert_array_equal(piece, again.draw(np.random.default_rng(seed)))
    assert len({piece.tobytes() for piece in drawn}) == 8
    other = NoiseBank(library, 2 * RATE, config, seed=4).draw(np.random.default_rng(0))
    assert not np.array_equal(other, drawn[0])


def test_the_end_leads_into_the_beginning() -> None:
    """A slow ramp jumps where its end meets its beginning, a piece of it does not."""
    ramp = np.linspace(-1.0, 1.0, 4 * RATE).astype(np.float32)
    library = NoiseLibrary({"ramp": ramp + 0.0}, RATE)
    bank = NoiseBank(library, RATE, NoiseBankConfig(12, texture=0.0, colour=0.0, reverse=0.5, equalise=0.0))
    for seed in range(12):
        piece = bank.draw(np.random.default_rng(seed))
        assert np.abs(np.diff(piece, append=piece[:1])).max() < 0.2 * np.ptp(piece)
