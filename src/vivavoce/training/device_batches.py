"""The batches of `batches.py`, made on the device that trains: speed, room, noise, band, features, warp and masks.

A GPU takes an utterance in a tenth of the time that a CPU core needs to augment it, so there the samples of all the
training speech lie in the device's memory and nothing but numbers of utterances travels. Everything is drawn for a
batch at once, from (seed, epoch, place in the epoch), so that an interrupted run goes on with the same batches.

Speed costs nothing here: playing faster is taking longer frames, further apart, and reading their spectrum at other
frequencies; the same matrix that reads it moves the formants, too (vocal tract length), and sums up mel bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.augment.noise import COLOURS, NoiseLibrary, coloured
from vivavoce.augment.reverb import RoomPool, room_response
from vivavoce.augment.surround import FADE_SECONDS, SHORT_SECONDS, Surround, SurroundRows
from vivavoce.augment.vtlp import Vtlp
from vivavoce.data.bucketing import BucketSampler
from vivavoce.dsp.features import FeatureConfig
from vivavoce.dsp.mel import hz_to_mel, mel_filterbank, mel_to_hz
from vivavoce.dsp.windows import window
from vivavoce.errors import ConfigError
from vivavoce.training.batches import Example, Padding, SpeechBatch, pad_targets
from vivavoce.training.waveforms import SCALE, WaveformStore

FINER = 4  # the spectrum is read between the bins of the feature's FFT, where this many times as many stand
ROOMS = 100
COLOUR_SHARE = 0.15


@dataclass(frozen=True)
class DeviceAugmentation:
    """How often and how strongly. The shares are of utterances; the rest as in the transforms of `augment`.

    `babble_share` is the part of noisy utterances whose noise is other training speech. `factors` is the number of
    vocal tracts between 1 - vocal_tract and 1 + vocal_tract.
    """

    room_share: float = 0.25
    noise_share: float = 0.4
    babble_share: float = 0.15
    band_share: float = 0.1
    snr_db: tuple[float, float] = (5.0, 25.0)
    gain_db: tuple[float, float] = (-20.0, 6.0)
    vocal_tract: float = 0.1
    factors: int = 11
    time_masks: int = 4
    max_time_frames: int = 30
    max_time_share: float = 0.07
    frequency_masks: int = 2
    max_frequency_bins: int = 18


PLAIN = DeviceAugmentation(
    room_share=0.0, noise_share=0.0, band_share=0.0, gain_db=(0.0, 0.0), vocal_tract=0.0, time_masks=0,
    frequency_masks=0,
)  # fmt: skip
"""Nothing but speed."""


class DeviceSpeechBatches:
    """Endless batches of utterances whose samples stay on the device; resumable like `SpeechBatches`.

    With `views` = 2 every utterance stands twice in a batch, row i and row i + B/2, alike in speed and vocal tract and
    different in room, noise and masks: for consistency between views.
    """

    def __init__(
        self,
        store: WaveformStore,
        examples: Sequence[Example],
        sampler: BucketSampler,
        speeds: Sequence[float],
        config: FeatureConfig,
        padding: Padding,
        device: torch.device,
        noises: NoiseLibrary | None = None,
        augmentation: DeviceAugmentation = PLAIN,
        seed: int = 0,
        views: int = 1,
        surround: float = 0.0,
    ) -> None:
        """`sampler` counts items: number i is utterance i // len(speeds) at speed i % len(speeds).

        Short utterances get up to `surround` seconds of quiet before and behind (augment/surround.py); the sampler's
        durations hold the most that they gain.

        Raises:
            ConfigError: features of a kind that is not made here, or surround is negative.
        """
        _check_features(config)
        self.sampler, self.config, self.padding, self.device = sampler, config, padding, device
        self.augmentation, self.seed, self.views, self.speeds = augmentation, seed, views, tuple(speeds)
        samples, self._starts, self._ends = store.all_samples()
        self._samples = torch.tensor(samples, device=device)
        self._tokens = _targets([example.tokens for example in examples], device)
        self._phones = _targets([example.phones for example in examples], device)
        self._counts = [lengths.cpu().numpy() for _, lengths in (self._tokens, self._phones)]
        spread = augmentation.vocal_tract
        factors = np.linspace(1.0 - spread, 1.0 + spread, augmentation.factors) if spread else np.ones(1)
        self._factors = len(factors)
        self._banks = [
            torch.from_numpy(np.stack([reading_matrix(config, speed, factor) for factor in factors])).to(device)
            for speed in self.speeds
        ]
        taps = [round(config.win_length * speed) for speed in self.speeds]
        self._windows = [torch.from_numpy(window(config.window, count).astype(np.float32)).to(device) for count in taps]
        self._hops = [round(config.hop_length * speed) for speed in self.speeds]
        self._noise = None
        if noises is not None and augmentation.noise_share:
            self._noise = torch.from_numpy(_noises(noises, config.sample_rate)).to(device)
        self.surround = self._quiet = None
        if surround:
            self.surround = Surround(surround)
            self._quiet = torch.from_numpy(np.stack([coloured(c, config.sample_rate) for c in COLOURS])).to(device)
        self._rooms = None
        if augmentation.room_share:
            self._rooms = torch.from_numpy(_rooms(config.sample_rate)).to(device)
        edges = hz_to_mel([config.f_min_hz, config.f_max_hz], config.mel_scale)
        centres = mel_to_hz(np.linspace(edges[0], edges[1], config.n_mels + 2)[1:-1], config.mel_scale)
        self._centres = torch.from_numpy(centres.astype(np.float32)).to(device)

    def load_state_dict(self, position: dict[str, Any]) -> None:
        """Go on behind the batch that had this position."""
        self.sampler.load_state_dict(position)

    def __iter__(self) -> Iterator[SpeechBatch]:
        while True:
            for items in self.sampler:
                position = self.sampler.state_dict()
                yield self.make(items, self.sampler.bucket_of(items), position)

    @torch.no_grad()
    def make(self, items: Sequence[int], bucket_seconds: float, position: dict[str, Any]) -> SpeechBatch:
        """One batch, padded to its bucket's length."""
        place = (self.seed, int(position["epoch"]), int(position["cursor"]))
        host = np.random.default_rng(place)
        random = torch.Generator(self.device).manual_seed(int(host.integers(1 << 62)))
        # Rows of one speed stand together, as their frames have one length.
        order = np.array(sorted(items, key=lambda item: item % len(self.speeds)))
        utterances, speeds = np.divmod(order, len(self.speeds))
        spoken = self._ends[utterances] - self._starts[utterances]
        rate, group = self.config.sample_rate, self.padding.subsampling
        quiet, leads, tails = self._around(host, spoken, np.array(self.speeds)[speeds])
        counts = leads + spoken + tails
        bucket = int(bucket_seconds * rate) // self.config.hop_length + self.padding.tail_frames
        rows = -(-bucket // group) * group
        hops, taps = np.array(self._hops)[speeds], np.array([len(w) for w in self._windows])[speeds]
        frames = np.maximum((counts - taps) // hops + 1, 1)
        frames = np.minimum(frames, rows - self.padding.tail_frames)
        longest = max(hop * (rows - 1) + len(taper) for hop, taper in zip(self._hops, self._windows, strict=True))
        places = torch.arange(longest, device=self.device)
        starts = self._on_device(self._starts[utterances] - leads)
        first, said, lengths = (self._on_device(values) for values in (leads, spoken, counts))
        valid = places < lengths[:, None]
        index = (starts[:, None] + places).clamp_(min=0, max=len(self._samples) - 1)
        inside = (places >= first[:, None]) & (places < (first + said)[:, None])
        waveforms = torch.where(inside, self._samples[index].float() / SCALE, 0.0)
        if quiet is not None:
            waveforms = self._surrounded(waveforms, quiet, first, said, valid)
        factors = torch.randint(self._factors, (len(order),), generator=random, device=self.device)
        blocks = [np.flatnonzero(speeds == speed) for speed in range(len(self.speeds))]
        frame_counts = self._on_device(frames)
        views = []
        for _ in range(self.views):
            sound = self._room(waveforms, random)
            sound = self._noisy(sound, lengths, said, valid, random)
            log_mel = torch.cat(
                [
                    self._log_mel(sound[block[0] : block[-1] + 1], speed, rows, factors[block[0] : block[-1] + 1])
                    for speed, block in enumerate(blocks)
                    if len(block)
                ]
            )
            log_mel = self._band(log_mel, random).clamp_(min=self.config.log_floor).log_()
            views.append(self._masked(log_mel, frame_counts, random))
        encoder_frames = (frame_counts + self.padding.tail_frames + group - 1) // group
        on_host = (-(-(frames + self.padding.tail_frames) // group), *(sizes[utterances] for sizes in self._counts))
        host_frames, host_tokens, host_phones = (torch.from_numpy(sizes).repeat(self.views) for sizes in on_host)
        chosen = self._on_device(utterances).repeat(self.views)
        (tokens, token_lengths), (phones, phone_lengths) = (
            (targets[chosen], sizes[chosen]) for targets, sizes in (self._tokens, self._phones)
        )
        return SpeechBatch(
            torch.cat(views),
            encoder_frames.repeat(self.views),
            tokens,
            token_lengths,
            phones,
            phone_lengths,
            float((counts / np.array(self.speeds)[speeds]).sum() / rate) * self.views,
            position,
            (host_frames, host_tokens, host_phones),
        )

    def _on_device(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device, non_blocking=True)

    def _uniform(self, low: float, high: float, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        return torch.rand(shape, generator=random, device=self.device) * (high - low) + low

    def _around(
        self, host: np.random.Generator, spoken: np.ndarray, speeds: np.ndarray
    ) -> tuple[SurroundRows | None, np.ndarray, np.ndarray]:
        """What is drawn for rows of `spoken` samples, None where none is short; samples before and behind, (B,) each.

        Drawn here and not on the device: the frames are counted from it without waiting.
        """
        short = spoken < SHORT_SECONDS * self.config.sample_rate
        if self.surround is None or not short.any():
            return None, np.zeros_like(spoken), np.zeros_like(spoken)
        rows = self.surround.draw_rows(host, len(spoken))
        # Frames of a speed are that much longer, so that a second of what is heard takes as many more samples.
        second = np.where(short, self.config.sample_rate * speeds, 0.0)
        leads, tails = ((seconds * second).astype(np.int64) for seconds in (rows.lead_seconds, rows.tail_seconds))
        return replace(rows, gain=np.where(short, rows.gain, 0.0)), leads, tails

    def _surrounded(self, waveforms: Tensor, rows: SurroundRows, first: Tensor, said: Tensor, valid: Tensor) -> Tensor:
        """(B, N) -> (B, N): the edges of what is said faded, and quiet from beginning to end, where it is short."""
        assert self._quiet is not None
        rate, size = self.config.sample_rate, self._quiet.shape[1]
        power = (waveforms**2).sum(1) / said.clamp(min=1)
        places = torch.arange(waveforms.shape[1], device=self.device)
        behind = places - first[:, None] + 0.5  # the edge
        ramp = torch.minimum(behind, said[:, None] - behind) / (FADE_SECONDS * rate)
        short = (said < SHORT_SECONDS * rate)[:, None]
        waveforms = torch.where(short, waveforms * ramp.clamp_(0.0, 1.0), waveforms)
        starts = self._on_device((rows.start * size).astype(np.int64))[:, None]
        noise = self._quiet[self._on_device(rows.colour)[:, None], (starts + places) % size] * valid
        gain = self._on_device(rows.gain.astype(np.float32)) * (power * valid.sum(1) / (noise**2).sum(1)).sqrt()
        return waveforms + noise * gain[:, None]

    def _room(self, waveforms: Tensor, random: torch.Generator) -> Tensor:
        """(B, N) -> (B, N): a fixed number of rows, drawn, behind the responses of rooms."""
        rows = round(self.augmentation.room_share * len(waveforms))
        if self._rooms is None or not rows:
            return waveforms
        chosen = torch.randperm(len(waveforms), generator=random, device=self.device)[:rows]
        rooms = self._rooms[torch.randint(len(self._rooms), (rows,), generator=random, device=self.device)]
        size = _fft_size(waveforms.shape[1] + rooms.shape[1])
        spectrum = torch.fft.rfft(waveforms[chosen], size) * torch.fft.rfft(rooms, size)
        echoing = torch.fft.irfft(spectrum, size)[:, : waveforms.shape[1]]
        return waveforms.index_copy(0, chosen, echoing)

    def _noisy(
        self, waveforms: Tensor, lengths: Tensor, said: Tensor, valid: Tensor, random: torch.Generator
    ) -> Tensor:
        """(B, N) -> (B, N): noise at a ratio to the speech, and a level. Behind an utterance's end stay zeros.

        Of the (B,) `lengths` only `said` samples count as speech: the quiet around it does not change the ratio.
        """
        a, count = self.augmentation, len(waveforms)
        if self._noise is not None:
            places = torch.arange(waveforms.shape[1], device=self.device)
            first = torch.rand(count, 1, generator=random, device=self.device, dtype=torch.float64)
            noise = self._noise[((first * len(self._noise)).long() + places) % len(self._noise)]
            first = torch.rand(count, 1, generator=random, device=self.device, dtype=torch.float64)
            others = self._samples[((first * len(self._samples)).long() + places) % len(self._samples)]
            babbles = torch.rand(count, 1, generator=random, device=self.device) < a.babble_share
            noise = torch.where(babbles, others.float(), noise)
            power = ((waveforms**2 * valid).sum(1) / said.clamp(min=1), (noise**2 * valid).sum(1) / lengths)
            ratio = 10.0 ** (-self._uniform(*a.snr_db, (count,), random) / 10.0)
            gain = (power[0] * ratio / power[1].clamp(min=1e-12)).sqrt()
            gain = torch.where(torch.rand(count, generator=random, device=self.device) < a.noise_share, gain, 0.0)
            waveforms = waveforms + noise * (gain[:, None] * valid)
        if a.gain_db != (0.0, 0.0):
            gain = 10.0 ** (self._uniform(*a.gain_db, (count, 1), random) / 20.0)
            peak = waveforms.abs().amax(dim=1, keepdim=True).clamp(min=1e-9)
            waveforms = waveforms * torch.minimum(gain, 0.999 / peak)
        return waveforms

    def _log_mel(self, waveforms: Tensor, speed: int, rows: int, factors: Tensor) -> Tensor:
        """(b, N) -> (b, rows, F): mel energies of frames at one speed, each utterance by its own vocal tract."""
        taper, hop = self._windows[speed], self._hops[speed]
        framed = waveforms.unfold(1, len(taper), hop)[:, :rows] * taper
        spectrum = torch.fft.rfft(framed, FINER * self.config.n_fft)
        power = spectrum.real**2 + spectrum.imag**2
        return power @ self._banks[speed][factors]

    def _band(self, energies: Tensor, random: torch.Generator) -> Tensor:
        """(B, T, F) mel energies, some of them without what is below and above a narrow band."""
        share, count = self.augmentation.band_share, len(energies)
        if not share:
            return energies
        low = self._uniform(100.0, 400.0, (count, 1), random)
        high = self._uniform(2800.0, 4000.0, (count, 1), random)
        octaves = torch.maximum(torch.log2(low / self._centres), torch.log2(self._centres / high)).clamp(min=0.0)
        narrow = torch.rand(count, 1, generator=random, device=self.device) < share
        return energies * torch.where(narrow, 10.0 ** (-12.0 * octaves), 1.0)[:, None]

    def _masked(self, log_mel: Tensor, frames: Tensor, random: torch.Generator) -> Tensor:
        """(B, T, F) -> (B, T, F): masks filled by the utterance's mean, and the floor's value behind its end."""
        a, (count, rows, bins) = self.augmentation, log_mel.shape
        place = torch.arange(rows, device=self.device)
        inside = place < frames[:, None]
        hidden = torch.zeros(count, rows, bins, dtype=torch.bool, device=self.device)
        if a.time_masks:
            widest = (frames * a.max_time_share).long().clamp(max=a.max_time_frames)[:, None]
            hidden |= self._intervals(a.time_masks, widest, frames[:, None], place, random)[:, :, None]
        if a.frequency_masks:
            widest = torch.full((count, 1), a.max_frequency_bins, device=self.device)
            all_bins = torch.full((count, 1), bins, device=self.device)
            band = torch.arange(bins, device=self.device)
            hidden |= self._intervals(a.frequency_masks, widest, all_bins, band, random)[:, None]
        mean = (log_mel * inside[:, :, None]).sum(dim=1) / frames[:, None]
        log_mel = torch.where(hidden, mean[:, None], log_mel)
        return torch.where(inside[:, :, None], log_mel, self.padding.floor)

    def _intervals(self, masks: int, widest: Tensor, lengths: Tensor, place: Tensor, random: torch.Generator) -> Tensor:
        """(B, len(place)) bool: the union of `masks` intervals a row, each 0 to `widest` long."""
        shape = (len(widest), masks)
        width = (torch.rand(shape, generator=random, device=self.device) * (widest + 1)).long()
        first = (torch.rand(shape, generator=random, device=self.device) * (lengths - width + 1)).long()
        inside = (place >= first[:, :, None]) & (place < (first + width)[:, :, None])
        return inside.any(dim=1)


def reading_matrix(config: FeatureConfig, speed: float, factor: float) -> np.ndarray:
    """(FINER * n_fft // 2 + 1, n_mels) float32: power spectrum of frames `speed` times as long -> mel energies.

    What stood at f is played at speed * f, and then moved to about factor * f by the warp of `augment/vtlp.py`. The
    spectrum of the sound as it was is read at those places, a fine one between two bins in proportion.
    """
    bank = mel_filterbank(
        config.sample_rate, config.n_fft, config.n_mels, config.f_min_hz, config.f_max_hz, config.mel_scale,
        config.mel_norm,
    )  # fmt: skip
    wanted = np.arange(config.n_fft // 2 + 1) * (config.sample_rate / config.n_fft)
    warp = Vtlp.for_features(config, min(factor, 1.0), max(factor, 1.0))
    knee = warp.knee_hz * min(factor, 1.0)
    top = config.f_max_hz
    within = np.interp(wanted, [0.0, knee, top], [0.0, knee / factor, top])
    source = np.where(wanted <= top, within, wanted) / speed
    fine = FINER * config.n_fft
    place = source * fine / config.sample_rate
    below = np.floor(place).astype(np.int64)
    share = place - below
    reading = np.zeros((fine // 2 + 2, len(wanted)))
    column = np.arange(len(wanted))
    heard = below <= fine // 2  # above lies what the recording does not hold
    reading[below[heard], column[heard]] += 1.0 - share[heard]
    reading[below[heard] + 1, column[heard]] += share[heard]
    # A frame of more samples has as much larger a sum.
    return (reading[:-1] @ bank.T / speed**2).astype(np.float32)


def _check_features(config: FeatureConfig) -> None:
    plain = (config.kind, config.padding, config.log, config.spectrum_power) == ("log_mel", "none", "ln", 2)
    extras = (
        config.dither, config.pre_emphasis, config.deltas, config.log_offset, config.remove_mean, config.drop_last,
    )  # fmt: skip
    other = (config.range_below_peak, config.log_gain, config.scale)
    if not plain or any(extras) or other != (None, 1.0, 1.0):
        raise ConfigError(
            f"{config} are features that are not made on the device; train with device=cpu, or use log-mel features "
            "without padding, dither, pre-emphasis or deltas."
        )


def _targets(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    tokens, lengths = pad_targets(sequences)
    return tokens.to(device), lengths.to(device)


def _noises(library: NoiseLibrary, sample_rate: int) -> np.ndarray:
    """(N,) float32: all recordings of a library behind one another, each at unit power, and coloured noise."""
    parts = [library.excerpt(name, 0, library.num_samples(name)) for name in library.names]
    each = int(sum(map(len, parts)) * COLOUR_SHARE / len(COLOURS))
    parts += [np.resize(coloured(colour, sample_rate), each) for colour in COLOURS]
    return np.concatenate([part / math.sqrt(float(np.mean(np.square(part)))) for part in parts]).astype(np.float32)


def _rooms(sample_rate: int) -> np.ndarray:
    """(ROOMS, L) float32: the responses of a pool, padded with zeros."""
    pool = RoomPool(sample_rate)
    responses = [room_response(pool.room(number), sample_rate, pool.max_seconds) for number in range(ROOMS)]
    padded = np.zeros((ROOMS, max(map(len, responses))), np.float32)
    for row, response in zip(padded, responses, strict=True):
        row[: len(response)] = response
    return padded


def _fft_size(least: int) -> int:
    """The smallest product of 2s, and a 3 or 5, that is not below."""
    return min(odd * 2 ** max(0, math.ceil(math.log2(least / odd))) for odd in (1, 3, 5))
