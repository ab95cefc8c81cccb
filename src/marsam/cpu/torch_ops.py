"""Every private operator of torch that Marsam uses, each with a test for it and a plain fallback.

A new release of torch may rename or remove them; then this module is the only one to change. The
fallbacks compute the same results with public functions, more slowly.
"""

import platform
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, linear

Activation = Literal["none", "gelu"]

_ONEDNN = (
    "_reorder_linear_weight",
    "_linear_pointwise",
    "_reorder_convolution_weight",
    "_convolution_pointwise",
)


def replace_weight(layer: nn.Module, weight: Tensor) -> None:
    """Give a layer another weight, without its gradient.

    Not by an assignment: while another thread loads a model, accelerate moves each parameter that
    any layer registers to the "meta" device.
    """
    layer._parameters["weight"] = nn.Parameter(weight, requires_grad=False)


def has_amx() -> bool:
    """Whether the CPU has Intel's matrix unit, which torch then uses for bfloat16."""
    is_supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return is_supported is not None and bool(is_supported())


def has_int8_linear() -> bool:
    """Whether torch has a linear kernel for int8 weights."""
    return hasattr(torch, "_weight_int8pack_mm")


def int8_linear(rows: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiply rows (n, inputs) by int8 weights (outputs, inputs) with a scale per output."""
    if has_int8_linear():
        return torch._weight_int8pack_mm(rows, weight, scale)
    return linear(rows, weight.to(scale.dtype) * scale[:, None])


def has_fbgemm_fp16() -> bool:
    """Whether torch has FBGEMM's linear kernel for fp16 weights, which needs x86 with AVX2."""
    return torch.backends.quantized.engine in ("x86", "fbgemm") and all(
        hasattr(torch.ops.quantized, name)
        for name in ("linear_prepack_fp16", "linear_dynamic_fp16")
    )


def prepack_linear_fp16(weight: Tensor, bias: Tensor | None) -> Any:
    """Round float32 weights (outputs, inputs) to fp16, in the form :func:`fp16_linear` takes."""
    if has_fbgemm_fp16():
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)
    return weight.half(), bias


def fp16_linear(states: Tensor, packed: Any) -> Tensor:
    """Multiply float32 states (…, inputs) by weights of :func:`prepack_linear_fp16`."""
    if isinstance(packed, tuple):
        weight, bias = packed
        return linear(states, weight.float(), bias)
    result: Tensor = torch.ops.quantized.linear_dynamic_fp16(states, packed)
    return result


def has_onednn(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies prepacked weights of a dtype on this CPU (x86 only)."""
    return (
        platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in _ONEDNN)
        and (dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def prepack_linear(weight: Tensor) -> Tensor:
    """Copy weights (outputs, inputs) into oneDNN's blocked layout."""
    if has_onednn(weight.dtype):
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        return packed
    return weight.contiguous()


def prepacked_linear(
    states: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation = "none"
) -> Tensor:
    """Multiply states (…, inputs) by weights of :func:`prepack_linear`; GELU is the exact one."""
    if weight.is_mkldnn:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, weight, bias, activation, [], "none"
        )
        return result
    result = linear(states, weight, bias)
    return gelu(result) if activation == "gelu" else result


def prepacked_linear_mul(
    states: Tensor, factor: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """:func:`prepacked_linear`, its result multiplied elementwise by ``factor`` (…, outputs)."""
    if weight.is_mkldnn:
        result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            states, factor, weight, bias, "mul"
        )
        return result
    return linear(states, weight, bias) * factor


def prepack_conv2d(weight: Tensor, input_size: list[int], geometry: tuple[Any, ...]) -> Tensor:
    """Copy convolution weights into oneDNN's blocked layout for inputs of about this size.

    ``geometry`` is padding, stride, dilation and groups.
    """
    if has_onednn(weight.dtype):
        packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry, input_size)
        return packed
    return weight


def prepacked_conv2d(
    images: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[Any, ...]
) -> Tensor:
    """Convolve images (n, channels, height, width) with weights of :func:`prepack_conv2d`."""
    if weight.is_mkldnn:
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, weight, bias, *geometry, "none", [], ""
        )
        return result
    padding, stride, dilation, groups = geometry
    return conv2d(images, weight, bias, stride, padding, dilation, groups)
