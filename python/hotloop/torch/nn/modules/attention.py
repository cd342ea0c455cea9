"""Attention of several heads, and the encoder of the Transformer (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from hotloop.torch import linalg, shaping
from hotloop.torch.core import wrap
from hotloop.torch.nn import functional, init
from hotloop.torch.nn.modules._made import parameter
from hotloop.torch.nn.modules.container import ModuleList
from hotloop.torch.nn.modules.linear import Linear, NonDynamicallyQuantizableLinear
from hotloop.torch.nn.modules.module import Module
from hotloop.torch.nn.modules.norm import Dropout, LayerNorm


class MultiheadAttention(Module):
    """``softmax(q k^T / sqrt(d)) v`` of several heads.

    Parameters
    ----------
    embed_dim, num_heads : int
        Numbers of a vector, and heads that share them.
    dropout : float
        Of the attention weights.
    bias : bool
        Whether the projections have biases.
    batch_first : bool
        Whether sequences are (N, L, E) in place of (L, N, E).

    Notes
    -----
    Answers ``(output, weights)``; the weights, (N, L, S), are the mean over heads.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if (
            add_bias_kv
            or add_zero_attn
            or kdim not in (None, embed_dim)
            or vdim not in (None, embed_dim)
        ):
            msg = "MultiheadAttention: add_bias_kv, add_zero_attn, kdim and vdim are not there"
            raise NotImplementedError(msg)
        if embed_dim % num_heads:
            msg = f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            raise ValueError(msg)
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.head_dim, self.batch_first = embed_dim // num_heads, batch_first
        kind = {"device": device, "dtype": dtype}
        self.in_proj_weight = parameter(3 * embed_dim, embed_dim, **kind)
        if bias:
            self.in_proj_bias = parameter(3 * embed_dim, **kind)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **kind)
        init.xavier_uniform_(self.in_proj_weight)
        if bias:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """Return what the queries find, and with which weights."""
        del is_causal
        single = query.ndim == 2
        inputs = [query, key, value]
        if single:
            inputs = [x.unsqueeze(0) for x in inputs]
        elif not self.batch_first:
            inputs = [x.transpose(0, 1) for x in inputs]
        weights = shaping.chunk(self.in_proj_weight, 3)
        bias = self.in_proj_bias
        biases = (None,) * 3 if bias is None else shaping.chunk(bias, 3)
        n = inputs[0].shape[0]
        q, k, v = (
            functional.linear(x, w, b)
            .reshape(n, x.shape[1], self.num_heads, self.head_dim)
            .transpose(1, 2)
            for x, w, b in zip(inputs, weights, biases, strict=True)
        )
        scores = linalg.matmul(q * (1.0 / math.sqrt(self.head_dim)), k.transpose(-2, -1))
        for mask, axes in ((attn_mask, None), (key_padding_mask, True)):
            if mask is not None:
                scores = scores + self._shaped(_added(mask, scores._array.dtype), axes)
        attention = functional.softmax(scores, -1)
        if self.dropout and self.training:
            attention = functional.dropout(attention, self.dropout, training=True)
        found = linalg.matmul(attention, v).transpose(1, 2).reshape(n, -1, self.embed_dim)
        output = self.out_proj(found)
        if single:
            output = output.squeeze(0)
        elif not self.batch_first:
            output = output.transpose(0, 1)
        if not need_weights:
            return output, None
        shown = attention.mean(1) if average_attn_weights else attention
        return output, shown.squeeze(0) if single else shown

    def _shaped(self, mask: Any, padding: Any) -> Any:
        if padding:
            return mask.reshape(-1, 1, 1, mask.shape[-1])
        if mask.ndim == 3:
            return mask.reshape(-1, self.num_heads, *mask.shape[1:])
        return mask


def _added(mask: Any, kind: Any) -> Any:
    """Return a mask as what is added to scores: minus infinity where a bool one is true."""
    if mask._array.dtype.kind == "b":
        return wrap(np.where(mask._array, -math.inf, 0.0).astype(kind))
    return mask


class TransformerEncoderLayer(Module):
    """Attention and a network of two layers, each added to its input and normalised."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        kind = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **kind
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **kind)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        if isinstance(activation, str):
            if activation not in ("relu", "gelu"):
                msg = f"activation should be relu/gelu, not {activation[:60]}"
                raise RuntimeError(msg)
            activation = getattr(functional, activation)
        self.activation = activation

    def _attended(self, x: Any, mask: Any, padding: Any) -> Any:
        found, _ = self.self_attn(x, x, x, padding, need_weights=False, attn_mask=mask)
        return self.dropout1(found)

    def _fed(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """Return the sequence, encoded."""
        del is_causal
        x = src
        if self.norm_first:
            x = x + self._attended(self.norm1(x), src_mask, src_key_padding_mask)
            return x + self._fed(self.norm2(x))
        x = self.norm1(x + self._attended(x, src_mask, src_key_padding_mask))
        return self.norm2(x + self._fed(x))


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other."""

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Any = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        del enable_nested_tensor, mask_check
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Any:
        """Return the sequence, encoded."""
        del is_causal
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask)
        return src if self.norm is None else self.norm(src)
