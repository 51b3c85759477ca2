"""Our many-headed attention beside torch's, and beside the tutorial's, on the same input.

Given the same weights, ours and `nn.MultiheadAttention` must agree in what they put out and in
every gradient: see `compare`. The tutorial's function, by contrast, invents new projections
whenever it is called, so that the same input never gives the same output, and nothing could ever be
learnt: see `faults`, which measures this and two more of its mistakes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlcore.attention import MultiHeadAttention, attention


@dataclass(frozen=True)
class Comparison:
    """Ours against torch's on one random input. Differences are the largest of any number."""

    weights: Tensor  # (B, heads, T, T) float32: what our heads look at
    output: Tensor  # (B, T, d_model) float32
    parameters: int  # how many numbers are learned
    output_difference: float
    weights_difference: float
    gradient_differences: dict[str, float]  # of the input and of every parameter, by our names


def from_torch(theirs: nn.MultiheadAttention) -> MultiHeadAttention:
    """Ours with the weights of torch's. Raises ValueError for kinds that ours is not."""
    if not (theirs._qkv_same_embed_dim and theirs.in_proj_bias is not None):
        raise ValueError("only with a bias, and queries, keys and values of one size")
    if theirs.bias_k is not None or theirs.add_zero_attn:
        raise ValueError("only without extra keys")
    ours = MultiHeadAttention(theirs.embed_dim, theirs.num_heads)
    ours.load_state_dict(
        {
            "project.weight": theirs.in_proj_weight,
            "project.bias": theirs.in_proj_bias,
            "mix.weight": theirs.out_proj.weight,
            "mix.bias": theirs.out_proj.bias,
        }
    )
    return ours


def to_torch(ours: MultiHeadAttention) -> nn.MultiheadAttention:
    """Torch's with the weights of ours, batch first."""
    theirs = nn.MultiheadAttention(ours.mix.in_features, ours.heads, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.project.weight,
            "in_proj_bias": ours.project.bias,
            "out_proj.weight": ours.mix.weight,
            "out_proj.bias": ours.mix.bias,
        }
    )
    return theirs


def compare(
    d_model: int = 512, heads: int = 8, *, batch: int = 1, length: int = 10,
    causal: bool = False, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Both on the same random input (batch, length, d_model) with the same weights.

    The gradients are those of the output, weighted at random and summed. Raises ValueError for
    heads that d_model cannot be split into.
    """
    torch.manual_seed(seed)
    ours = MultiHeadAttention(d_model, heads)  # refuses what torch would only assert
    theirs = nn.MultiheadAttention(d_model, heads, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias, std=0.1)  # torch begins with zeros, which show nothing
    nn.init.normal_(theirs.out_proj.bias, std=0.1)
    ours = from_torch(theirs)
    x, pull = torch.randn(2, batch, length, d_model)
    mask = torch.ones(length, length).tril().bool() if causal else None
    with torch.enable_grad():
        mine, copy = x.clone().requires_grad_(), x.clone().requires_grad_()
        output, weights = ours(mine, mask)
        their_output, their_weights = theirs(
            copy, copy, copy, average_attn_weights=False,
            attn_mask=None if mask is None else ~mask,  # torch's says where not to look
        )  # fmt: skip
        (output * pull).sum().backward()
        (their_output * pull).sum().backward()
    pairs = {
        "input": (mine, copy),
        "project.weight": (ours.project.weight, theirs.in_proj_weight),
        "project.bias": (ours.project.bias, theirs.in_proj_bias),
        "mix.weight": (ours.mix.weight, theirs.out_proj.weight),
        "mix.bias": (ours.mix.bias, theirs.out_proj.bias),
    }
    return Comparison(
        weights.detach(),
        output.detach(),
        sum(p.numel() for p in ours.parameters()),
        largest(output, their_output),
        largest(weights, their_weights),
        {name: largest(a.grad, b.grad) for name, (a, b) in pairs.items()},
    )


def largest(a: Tensor | None, b: Tensor | None) -> float:
    """The largest difference between two tensors of the same shape."""
    if a is None or b is None:
        raise ValueError("there is no gradient to compare")
    return (a - b).detach().abs().max().item()


def tutorial_attention(x: Tensor, heads: int, rng: torch.Generator) -> Tensor:
    """Many heads as the tutorial has them: x (B, T, d_model) -> (B, T, d_model).

    New random projections at every call, and no output projection.
    """
    size = x.shape[2]
    q, k, v = (
        (x @ torch.randn(size, size, generator=rng) / math.sqrt(size))
        .unflatten(2, (heads, -1))
        .transpose(1, 2)  # (B, heads, T, d_k)
        for _ in range(3)
    )
    return attention(q, k, v)[0].transpose(1, 2).flatten(2)


def tutorial_mask(scores: Tensor, mask: Tensor) -> Tensor:
    """Weights with a mask as the tutorial has it: `scores + mask * -1e9`, mask 1.0 where hidden."""
    return (scores + mask * -1e9).softmax(dim=-1)


@dataclass(frozen=True)
class TutorialFaults:
    """The tutorial's mistakes, measured on one random input (1, 10, 512); ours beside each."""

    twice: float  # largest difference between two calls on the same input
    twice_ours: float
    learnable: int  # numbers that a training could change
    learnable_ours: int
    hidden_row: float  # weights of a query that may see nothing, summed
    hidden_row_ours: float
    half: float  # NaN: a mask of -1e9 in half precision, where it is minus infinity
    half_ours: float


@torch.no_grad()
def faults(
    d_model: int = 512, heads: int = 8, *, length: int = 10, seed: int = 0
) -> TutorialFaults:
    """Call both twice, and hide everything from one query. Raises ValueError as `compare` does."""
    torch.manual_seed(seed)
    ours = MultiHeadAttention(d_model, heads)
    x, rng = torch.randn(1, length, d_model), torch.Generator().manual_seed(seed)
    first, second = (tutorial_attention(x, heads, rng) for _ in range(2))
    q = torch.randn(length, d_model // heads)
    scores = q @ q.T / math.sqrt(q.shape[1])
    hidden = torch.zeros(length, length)
    hidden[0] = 1.0  # the first query may look nowhere
    allowed = hidden == 0
    half = q.half()
    return TutorialFaults(
        twice=largest(first, second),
        twice_ours=largest(ours(x)[0], ours(x)[0]),
        learnable=0,
        learnable_ours=sum(p.numel() for p in ours.parameters()),
        hidden_row=tutorial_mask(scores, hidden)[0].sum().item(),
        hidden_row_ours=attention(q, q, q, allowed)[1][0].sum().item(),
        half=tutorial_mask(scores.half(), hidden.half())[0].sum().item(),
        half_ours=attention(half, half, half, allowed)[1][0].sum().item(),
    )
