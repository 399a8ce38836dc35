"""The reference models' architecture: a small Llama (RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings).

Tensor layout follows llama.cpp's `llama` architecture, so that export copies tensors without reordering them: rotary
pairs are neighbours (2i, 2i+1).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Shape:
    """Sizes of a model. Widths are multiples of 32 so that every quantization has whole blocks."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    context: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        kv_width = shape.kv_heads * shape.head_width
        self.shape = shape
        self.attention_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, kv_width, bias=False)
        self.v = nn.Linear(shape.width, kv_width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        self.feed_forward_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x, rotation):
        x = x + self.attend(self.attention_norm(x), rotation)
        y = self.feed_forward_norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))

    def attend(self, x, rotation):
        batch, length, width = x.shape
        shape = self.shape

        def heads(projected, count):
            return projected.view(batch, length, count, shape.head_width).transpose(1, 2)

        q = rotate(heads(self.q(x), shape.heads), rotation)
        k = rotate(heads(self.k(x), shape.kv_heads), rotation)
        v = heads(self.v(x), shape.kv_heads)
        group = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(y.transpose(1, 2).reshape(batch, length, width))


def rotate(x, rotation):
    cos, sin = rotation
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Model(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        half = torch.arange(0, shape.head_width, 2) / shape.head_width
        angles = torch.arange(shape.context)[:, None] * ROPE_BASE**-half
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.initialise()

    def initialise(self):
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                continue
            # Matrices that write to the residual stream start smaller, the deeper the model.
            depth = (2 * self.shape.layers) ** -0.5 if name.endswith(("output.weight", "down.weight")) else 1.0
            nn.init.normal_(parameter, std=0.02 if name.startswith("embedding") else depth * self.shape.width**-0.5)

    def hidden(self, tokens):
        """Tokens (batch, length) → last hidden states (batch, length, width)."""
        length = tokens.shape[1]
        rotation = self.cos[:length], self.sin[:length]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, rotation)
        return self.norm(x)

    def logits(self, hidden):
        return hidden @ self.embedding.weight.T
