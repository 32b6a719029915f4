"""The faster attention and dropout on the CPU give the same results as torch's own."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from core.models.build import build_classifier
from core.models.cpu import attention, blockwise_attention
from core.models.cpu.attention import NAME, attend
from core.models.cpu.blockwise_attention import attend_recomputing
from core.models.cpu.dropout import ProcessorDropout, dropout_on_processor, use_cpu_dropout
from core.models.cpu.fused_qkv import use_shared_projections
from core.models.heads import HeadShape
from core.models.hub import describe
from core.models.sizes import LONGEST_KEPT
from core.tasks import get_task


class Looking(nn.Module):
    is_causal = False


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind_of_mask", ["none", "boolean", "added"])
def test_attention_agrees_with_torch_there_and_back(dtype: torch.dtype, kind_of_mask: str) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(3, 2, 5, 8, dtype=dtype, requires_grad=True) for _ in range(3)]
    visible = torch.arange(5)[None, None, None] < torch.tensor([5, 3, 1])[:, None, None, None]
    mask = {"none": None, "boolean": visible, "added": torch.where(visible, 0.0, torch.finfo(dtype).min).to(dtype)}[kind_of_mask]
    # A dropout of next to nothing, so that single precision does not take torch's way either.
    ours, _ = attend(Looking(), *inputs, mask, dropout=1e-9)
    expected = nn.functional.scaled_dot_product_attention(*inputs, attn_mask=mask).transpose(1, 2)
    near = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.03}
    torch.testing.assert_close(ours, expected, **near)
    weights = torch.randn(ours.shape, dtype=dtype)
    for given, wanted in zip(
        torch.autograd.grad((ours * weights).sum(), inputs), torch.autograd.grad((expected * weights).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(given, wanted, rtol=near["rtol"], atol=4 * near["atol"])


def test_a_row_that_may_look_at_nothing_stays_finite() -> None:
    inputs = [torch.randn(1, 1, 2, 4, requires_grad=True) for _ in range(3)]
    answer, _ = attend(Looking(), *inputs, torch.zeros(1, 1, 2, 2, dtype=torch.bool), dropout=0.1)
    assert torch.isfinite(answer).all()


def test_looking_back_only_is_left_to_torch() -> None:
    inputs = [torch.randn(1, 2, 6, 4, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    answer, _ = attend(Looking(), *inputs, None, is_causal=True)
    expected = nn.functional.scaled_dot_product_attention(*inputs, is_causal=True).transpose(1, 2)
    torch.testing.assert_close(answer, expected)


def test_dropout_keeps_the_share_and_the_mean_and_its_gradient_is_its_mask() -> None:
    torch.manual_seed(1)
    values = torch.ones(1001, 301, requires_grad=True)
    dropped = dropout_on_processor(values, 0.1)
    share = (dropped == 0).float().mean().item()
    assert share == pytest.approx(0.1, abs=0.003)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.003)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 1 / 0.9], rel=1e-3)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    assert torch.equal(gradient, dropped)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.998])
def test_a_share_between_two_steps_is_met_by_many_calls_together(share: float) -> None:
    torch.manual_seed(3)
    dropped = torch.stack([dropout_on_processor(torch.ones(1000), share) for _ in range(4000)])
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=5e-4)
    assert dropped.mean().item() == pytest.approx(1.0, rel=0.05)


def test_neighbouring_values_are_dropped_independently() -> None:
    torch.manual_seed(2)
    dropped = (dropout_on_processor(torch.ones(400_000), 0.5) == 0).double() - 0.5
    for distance in (1, 2, 3, 4, 8):
        correlation = 4 * (dropped[distance:] * dropped[:-distance]).mean().item()
        assert abs(correlation) < 0.01, distance


def test_the_same_random_state_drops_the_same_values() -> None:
    layer = ProcessorDropout(0.3).train()
    state = torch.get_rng_state()
    first = layer(torch.ones(64, 7, dtype=torch.bfloat16))
    second = layer(torch.ones(64, 7, dtype=torch.bfloat16))
    torch.set_rng_state(state)
    assert torch.equal(layer(torch.ones(64, 7, dtype=torch.bfloat16)), first)
    assert not torch.equal(second, first)
    assert torch.equal(layer.eval()(torch.ones(3)), torch.ones(3))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_dropping_nothing_and_everything(share: float, expected: float) -> None:
    assert torch.equal(dropout_on_processor(torch.ones(10), share), torch.full((10,), expected))


def test_every_dropout_of_a_model_is_replaced_and_its_weights_are_the_same() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2), nn.Linear(2, 1)))
    before = model.state_dict()
    use_cpu_dropout(model)
    assert [(type(module), module.p) for module in model.modules() if isinstance(module, nn.Dropout)] == [(ProcessorDropout, 0.2)]
    assert model.state_dict().keys() == before.keys()


def test_the_bundled_kind_of_model_is_built_with_all_of_them(tiny_model: Path) -> None:
    info = describe(str(tiny_model), tiny_model.parent)
    classifier = build_classifier(info, get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape())
    assert classifier.pretrained.config._attn_implementation == NAME
    assert not [module for module in classifier.pretrained.modules() if type(module) is nn.Dropout]
    attention = classifier.pretrained.encoder.layer[0].attention.self
    assert isinstance(attention.key.forward, partial)


def attention_layer() -> nn.Module:
    torch.manual_seed(0)
    layer = nn.Module()
    for name in ("query", "key", "value"):
        layer.add_module(name, nn.Linear(6, 4))
    return layer


def project(layer: nn.Module, values: torch.Tensor) -> list[torch.Tensor]:
    return [getattr(layer, name)(values) for name in ("query", "key", "value")]


def test_shared_projections_give_what_the_three_layers_give_there_and_back() -> None:
    plain, shared = attention_layer(), attention_layer()
    use_shared_projections(shared)
    inputs = [torch.arange(30.0).view(5, 6).requires_grad_() for _ in range(2)]
    for layer, values in zip((plain, shared), inputs, strict=True):
        sum((i + 1) * answer.pow(2).sum() for i, answer in enumerate(project(layer, values))).backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    for expected, given in zip(plain.named_parameters(), shared.named_parameters(), strict=True):
        assert expected[0] == given[0]
        torch.testing.assert_close(expected[1].grad, given[1].grad)


def test_shared_projections_multiply_once_while_training_and_layer_by_layer_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, values, widths = attention_layer(), torch.ones(2, 6), []
    use_shared_projections(layer)
    linear = nn.functional.linear
    monkeypatch.setattr(
        nn.functional, "linear", lambda inputs, weight, bias: (widths.append(len(weight)), linear(inputs, weight, bias))[1]
    )
    project(layer, values)
    assert widths == [12]
    layer.eval()
    project(layer, values)
    with torch.no_grad():
        project(layer.train(), values)
    assert widths == [12] + 6 * [4]


def test_a_layer_asked_with_other_values_answers_for_those() -> None:
    layer, plain = attention_layer(), attention_layer()
    use_shared_projections(layer)
    layer.query(torch.ones(2, 6))
    torch.testing.assert_close(layer.key(torch.zeros(2, 6)), plain.key(torch.zeros(2, 6)))
    torch.testing.assert_close(layer.value(torch.full((2, 6), 2.0)), plain.value(torch.full((2, 6), 2.0)))


def test_frozen_layers_drop_out_our_way_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    inputs = [torch.randn(2, 2, 6, 4) for _ in range(3)]
    shares = []
    monkeypatch.setattr(attention, "dropout_on_processor", lambda weights, share: (shares.append(share), weights)[1])
    attend(Looking(), *inputs, None, dropout=0.1)
    assert shares == [0.1]


def masks(length: int) -> dict[str, torch.Tensor | None]:
    visible = torch.arange(length)[None, None, None] < torch.tensor([length, length // 2, 1])[:, None, None, None]
    square = visible & torch.ones(length, length, dtype=torch.bool).tril()
    return {"none": None, "boolean": visible, "square": square, "added": torch.where(visible, 0.0, -1e9)}


@pytest.mark.parametrize("block", [1, 400, 10**6])
@pytest.mark.parametrize("kind_of_mask", ["none", "boolean", "square", "added"])
def test_scores_that_are_computed_twice_give_the_gradients_of_scores_that_are_kept(
    kind_of_mask: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(blockwise_attention, "BLOCK", block)
    inputs = [torch.randn(3, 2, 9, 8, requires_grad=True) for _ in range(3)]
    mask = masks(9)[kind_of_mask]
    ours = attend_recomputing(*inputs, mask, scale=8**-0.5, dropout=0.0)
    expected = nn.functional.scaled_dot_product_attention(*inputs, attn_mask=mask).transpose(1, 2)
    torch.testing.assert_close(ours, expected)
    seen = torch.randn(ours.shape)
    for given, wanted in zip(
        torch.autograd.grad((ours * seen).sum(), inputs), torch.autograd.grad((expected * seen).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(given, wanted)


@pytest.mark.parametrize("block", [1, 400])
def test_what_is_dropped_out_is_the_same_on_the_way_back(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockwise_attention, "BLOCK", block)
    torch.manual_seed(4)
    inputs = [torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    state = torch.get_rng_state()

    def attended(*values: torch.Tensor) -> torch.Tensor:
        torch.set_rng_state(state)
        return attend_recomputing(*values, None, scale=0.5, dropout=0.4)

    assert not torch.allclose(attended(*inputs), attend_recomputing(*inputs, None, scale=0.5, dropout=0.0))
    assert torch.autograd.gradcheck(attended, inputs)


def test_every_block_drops_out_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockwise_attention, "BLOCK", 1)
    alike = [torch.zeros(4, 1, 64, 2, requires_grad=True), torch.zeros(4, 1, 64, 2), torch.rand(1, 1, 64, 2).expand(4, 1, 64, 2)]
    rows = attend_recomputing(*alike, None, scale=1.0, dropout=0.5).detach().view(-1, 2)
    assert len(rows.unique(dim=0)) == len(rows)


@pytest.mark.parametrize(("length", "kept"), [(LONGEST_KEPT, 3), (LONGEST_KEPT + 1, 0)])
def test_a_long_text_keeps_nothing_that_grows_with_the_square_of_its_length(length: int, kept: int) -> None:
    inputs = [torch.randn(2, 2, length, 4, requires_grad=True) for _ in range(3)]
    squares = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda saved: (squares.append(saved) if saved.shape[-2:] == (length, length) else None, saved)[1], lambda saved: saved
    ):
        answer, _ = attend(Looking(), *inputs, None, dropout=0.1)
        held = _held_by(answer)
    assert len(squares) + held == kept
    answer.sum().backward()
    assert all(torch.isfinite(one.grad).all() for one in inputs)


def _held_by(answer: torch.Tensor) -> int:
    """Whether the dropout function stores its factors, which no hook can observe."""
    waiting, found = [answer.grad_fn], 0
    while waiting:
        node = waiting.pop()
        found += hasattr(node, "kept")
        waiting += [before for before, _ in node.next_functions if before is not None]
    return found
