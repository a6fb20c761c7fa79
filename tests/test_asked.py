"""What is guarded: losses, answers and metrics look at asked positions alone."""

from __future__ import annotations

import torch

from probekit.plugin import masked


def made() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of three classes at four positions of two items, and targets that ask for two and for one."""
    torch.manual_seed(0)
    targets = torch.zeros(2, 3, 4)
    targets[0, 1, 0] = targets[0, 2, 3] = targets[1, 0, 2] = 1
    return torch.randn(2, 3, 4, requires_grad=True), targets


def test_the_loss_is_the_mean_over_asked_positions_and_no_other_has_a_gradient() -> None:
    output, target = made()
    logs = output.log_softmax(1)
    loss = masked.cross_entropy(output, target)
    torch.testing.assert_close(loss, -(logs[0, 1, 0] + logs[0, 2, 3] + logs[1, 0, 2]) / 3)
    loss.backward()
    assert output.grad is not None
    assert torch.equal(output.grad.abs().sum(1) > 0, masked.query_mask(target))
    assert float(masked.cross_entropy(output, torch.zeros_like(target)).detach()) == 0


def test_an_item_is_scored_by_its_asked_positions_and_as_a_whole() -> None:
    output, target = made()
    said = target * 5 + torch.eye(3)[0][None, :, None] * (1 - target.sum(1, keepdim=True))
    said[0, :, 3] = torch.tensor([1.0, 0.0, 0.0])  # wrong
    assert masked.masked_accuracy(said, target, target).tolist() == [0.5, 1.0]
    assert masked.exact_match(said, target, target).tolist() == [0.0, 1.0]
    assert masked.masked_accuracy(said, 0 * target, target).isnan().all()
    assert masked.predict_classes(output).sum(1).eq(1).all()
    right = masked.is_correct(said, target, target)
    assert right[0].nan_to_num(-1).tolist() == [1.0, -1.0, -1.0, 0.0]
