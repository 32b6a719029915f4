import torch

from core.models.heads import CosineHead, pool

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, -4.0], [100.0, 100.0]]])
MASK = torch.tensor([[1, 1, 0]])


def test_pooling_leaves_padding_out() -> None:
    assert pool(HIDDEN, MASK, "mean").tolist() == [[2.0, -1.0]]
    assert pool(HIDDEN, MASK, "max").tolist() == [[3.0, 2.0]]
    assert pool(HIDDEN, MASK, "first").tolist() == [[1.0, 2.0]]


def test_cosine_head_sees_directions_and_not_lengths() -> None:
    head = CosineHead(2, 3)
    vectors = torch.tensor([[3.0, 4.0]])

    assert torch.allclose(head(vectors), head(10 * vectors))
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[3.0, 4.0], [-3.0, -4.0], [4.0, -3.0]]))
    assert torch.allclose(head(vectors), torch.tensor([[20.0, -20.0, 0.0]]), atol=1e-5)
