"""Alignments against their definition and against every segmentation; a loss of the frames that have a target."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from vivavoce.training.flat_start import NOTHING, alignment_loss, even_alignment, viterbi_alignment


def posteriors(batch: int, frames: int, vocabulary: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, frames, vocabulary, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)


def test_an_utterance_is_cut_evenly() -> None:
    frames, phones = torch.tensor([7, 4, 2, 6]), torch.tensor([[5, 6, 7], [3, 3, 0], [1, 2, 3], [0, 0, 0]])
    targets = even_alignment(frames, phones, torch.tensor([3, 2, 3, 0]), 8)
    x = NOTHING
    assert targets.tolist() == [
        [5, 5, 5, 6, 6, 7, 7, x],
        [3, 3, 3, 3, x, x, x, x],
        [x] * 8,  # more phones than frames
        [x] * 8,  # unknown phones
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all(seed: int) -> None:
    generator = torch.Generator().manual_seed(100 + seed)
    batch, total, width, vocabulary = 6, 7, 4, 5
    log_probs = posteriors(batch, total, vocabulary, seed)
    frames = torch.randint(1, total + 1, (batch,), generator=generator)
    lengths = torch.randint(0, width + 1, (batch,), generator=generator)
    phones = torch.randint(1, vocabulary, (batch, width), generator=generator)
    targets = viterbi_alignment(log_probs, frames, phones, lengths)
    losses = alignment_loss(log_probs, targets)
    for row, count, said, length, found, loss in zip(log_probs, frames, phones, lengths, targets, losses, strict=True):
        count, said = int(count), said[: int(length)].tolist()
        if not said or len(said) > count:
            assert found.tolist() == [NOTHING] * total
            assert float(loss) == 0.0
            continue
        paths = []
        for cuts in itertools.combinations(range(1, count), len(said) - 1):
            ends = [*cuts, count]
            paths.append(
                [phone for phone, start, end in zip(said, [0, *cuts], ends, strict=True) for _ in range(end - start)]
            )
        score = {tuple(path): float(row[range(count), path].sum()) for path in paths}
        path = tuple(found[:count].tolist())
        assert path in score
        assert score[path] == pytest.approx(max(score.values()), abs=1e-5)
        assert float(loss) == pytest.approx(-max(score.values()), abs=1e-5)
        assert found[count:].tolist() == [NOTHING] * (total - count)


def test_one_frame_and_one_phone() -> None:
    targets = viterbi_alignment(posteriors(1, 1, 3), torch.tensor([1]), torch.tensor([[2]]), torch.tensor([1]))
    assert targets.tolist() == [[2]]


def test_only_frames_with_a_target_teach() -> None:
    logits = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    targets = torch.tensor([[1, 1, 2, NOTHING, NOTHING], [NOTHING] * 5])
    losses = alignment_loss(logits.log_softmax(-1), targets)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=NOTHING, reduction="sum")
    torch.testing.assert_close(losses, torch.stack([expected, torch.zeros(())]))
    losses.sum().backward()
    assert logits.grad is not None
    assert (logits.grad[0, :3] != 0).all()
    assert not logits.grad[0, 3:].any()
    assert not logits.grad[1].any()


def test_the_path_of_a_trained_network_is_found() -> None:
    """Blanks may be likelier everywhere: the alignment has none."""
    truth = torch.tensor([[2, 2, 2, 2, 1, 3, 3, 2]])
    log_probs = (3.0 * F.one_hot(truth, 4) + 9.0 * F.one_hot(torch.zeros_like(truth), 4)).log_softmax(-1)
    phones = torch.tensor([[2, 1, 3, 2]])
    assert torch.equal(viterbi_alignment(log_probs, torch.tensor([8]), phones, torch.tensor([4])), truth)
