"""Vocos: its source stands at the pitch, its inverse transform is the inverse, and it depends on what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.dsp.features import FeatureConfig, features
from vivavoce.dsp.mel import mel_filterbank
from vivavoce.dsp.pitch import track_pitch
from vivavoce.dsp.stft import StftConfig, istft, stft
from vivavoce.errors import ConfigError
from vivavoce.models.vocos import Vocos, VocosDims, harmonics, magnitude_filters, noise_spectrum

DIMS = VocosDims(width=16, layers=2, hidden=32, pitch_width=8, pitch_layers=1)
VOICE = FeatureConfig.voice()


def vocoder() -> Vocos:
    torch.manual_seed(1)
    net = Vocos(DIMS).eval()
    net.set_normalisation(torch.full((80,), -5.0), torch.full((80,), 2.0))
    return net


def test_frames_become_256_samples_each() -> None:
    for frames in (1, 2, 7, 60):
        output = vocoder()(torch.full((2, frames, 80), -4.0))
        assert output.waveform.shape == (2, 256 * frames)
        assert output.pitch.shape == (2, frames)
        assert torch.isfinite(output.waveform).all()


def test_inverse_undoes_the_transform_and_equals_numpys() -> None:
    waveform = np.random.default_rng(0).standard_normal(256 * 40).astype(np.float32)
    config = StftConfig(1024, 256)
    told_from_first_sample = stft(waveform, config)[:40]
    net = vocoder()
    centred = torch.from_numpy(told_from_first_sample)[None] * net.centring
    made = net.inverse(centred.real, centred.imag)[0].numpy()
    assert np.allclose(made[: 256 * 38], waveform[: 256 * 38], atol=1e-5)
    assert np.allclose(made, istft(told_from_first_sample, config, 256 * 40), atol=1e-5)


def test_an_untrained_vocoder_sings_the_pitch_it_is_given() -> None:
    net, frames = vocoder(), 120
    with torch.no_grad():
        net.filter.out.bias.view(4, -1)[3] = -8.0  # without breath
        pitch = torch.log2(torch.linspace(180.0, 260.0, frames))[None]
        waveform = net(torch.full((1, frames, 80), -3.0), pitch).waveform[0].numpy()
    track = track_pitch(waveform, 22050, hop_seconds=256 / 22050)
    inner = slice(8, frames - 8)
    assert track.voiced[inner].all()
    assert np.abs(np.log2(track.f0_hz[inner]) - pitch[0, inner].numpy()).max() < 0.01


def test_a_source_of_one_pitch_is_a_pulse_train() -> None:
    frames, spacing = 60, 100  # samples between pulses, the first of them at sample 0
    pulses = np.zeros(256 * (frames + 8), np.float32)
    pulses[::spacing] = 1.0
    real = stft(pulses, StftConfig(1024, 256))[:frames] * (-1.0) ** np.arange(513)
    pitch = torch.full((1, frames), float(np.log2(22050 / spacing)))
    shape, cosine, sine = harmonics(pitch, Vocos(DIMS).cycles(pitch), DIMS)
    inner = slice(4, frames)
    ours = (shape * torch.complex(cosine, sine))[0, inner].numpy()
    # A pulse train's harmonics have the height of the window's sum over the spacing; the lobe is an approximation.
    assert np.abs(ours - real[inner] * spacing / 512)[:, 4:509].max() < 0.04


def test_mel_filters_give_back_smooth_magnitudes() -> None:
    bins = np.arange(513)
    smooth = 2.0 + np.cos(bins / 80.0)
    mels = smooth @ mel_filterbank(22050, 1024, 80, 0.0, 11025.0, "slaney", "slaney").T
    guess = mels @ magnitude_filters(DIMS).numpy()
    assert (magnitude_filters(DIMS) >= 0).all()
    assert np.abs(guess / smooth - 1.0)[3:500].max() < 0.05


def test_noise_is_white_and_begins_again_without_a_seam() -> None:
    table = noise_spectrum(DIMS, frames=16).numpy()
    assert table.shape == (16, 2, 513)
    assert np.mean(table**2) * 2 == pytest.approx(1.0, abs=1e-4)
    twice = np.tile((table[:, 0] + 1j * table[:, 1]) * (-1.0) ** np.arange(513), (3, 1)).astype(np.complex64)
    waveform = istft(twice, StftConfig(1024, 256))
    again = stft(waveform, StftConfig(1024, 256))
    assert np.abs(again[3:45] - twice[3:45]).max() < 1e-4  # what has a seam is no transform of any waveform


def test_samples_depend_on_no_more_than_the_context() -> None:
    net, frames, changed = vocoder(), 90, 45
    log_mel = torch.from_numpy(np.random.default_rng(3).normal(-5.0, 2.0, (1, frames, 80)).astype(np.float32))
    other = log_mel.clone()
    other[:, changed] += 2.0
    pitch = torch.full((1, frames), 7.6)
    context = DIMS.context_frames
    with torch.inference_mode():
        difference = (net(log_mel, pitch).waveform - net(other, pitch).waveform)[0].abs()
        first, last = 256 * (changed - context), 256 * (changed + context)
        assert difference[:first].max() == 0.0
        assert difference[last:].max() == 0.0
        assert difference[first + 512 : last - 512].max() > 0.0
        heard = (net(log_mel).waveform - net(other).waveform)[0].abs()  # a pitch changes phases behind it alone
        assert heard[:first].max() == 0.0


def test_everything_learns() -> None:
    net = vocoder().train()
    output = net(torch.full((1, 12, 80), -4.0), torch.full((1, 12), 7.5))
    (output.waveform.square().sum() + output.pitch.sum()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert all(p.grad.abs().sum() > 0 for name, p in net.named_parameters() if name.endswith("out.weight"))


def test_a_pitch_that_is_given_teaches_the_ear_nothing() -> None:
    net = vocoder().train()
    net(torch.full((1, 12, 80), -4.0)).waveform.square().sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in net.pitch.parameters())


def test_it_hears_the_voices_mel() -> None:
    """The mel of what is made is near the mel that it was made of, before anything is learned."""
    net = vocoder()
    with torch.inference_mode():
        log_mel = torch.full((1, 60, 80), -3.0)
        waveform = net(log_mel, torch.full((1, 60), 7.6)).waveform[0].numpy()
    made = features(waveform, VOICE)[5:55]
    assert abs(np.median(made) + 3.0) < 1.5


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="odd kernel"):
        VocosDims(kernel=6)
    with pytest.raises(ConfigError, match="twice the hop"):
        VocosDims(n_fft=1000)
