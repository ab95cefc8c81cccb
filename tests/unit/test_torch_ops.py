"""torch's private operators give the results of the plain fallbacks, and stand in one module."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d, gelu, linear

import marsam
from marsam.cpu import torch_ops

DTYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["operator", "fallback"])
def use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have an operator used, or its fallback; skip where the CPU does not have the operator."""

    def choose(test: str, *args: torch.dtype) -> None:
        if request.param == "fallback":
            monkeypatch.setattr(torch_ops, test, lambda *_args: False)
        elif not getattr(torch_ops, test)(*args):
            pytest.skip(f"{test} is false on this CPU")

    return choose


@pytest.mark.parametrize("dtype", DTYPES)
def test_int8_linear(use: Callable[..., None], dtype: torch.dtype) -> None:
    use("has_int8_linear")
    rows, scale = torch.randn(5, 64).to(dtype), torch.rand(32).to(dtype)
    weight = torch.randint(-127, 128, (32, 64), dtype=torch.int8)
    exact = linear(rows.double(), weight.double() * scale.double()[:, None])
    got = torch_ops.int8_linear(rows, weight, scale)
    assert got.dtype == dtype
    assert (got - exact).norm() / exact.norm() < (1e-5 if dtype == torch.float32 else 0.01)


@pytest.mark.parametrize("bias", [True, False])
def test_fp16_linear(use: Callable[..., None], bias: bool) -> None:
    use("has_fbgemm_fp16")
    states, weight = torch.randn(2, 7, 64), torch.randn(33, 64).half().float()
    biases = torch.randn(33) if bias else None
    got = torch_ops.fp16_linear(states, torch_ops.prepack_linear_fp16(weight, biases))
    torch.testing.assert_close(got, linear(states, weight, biases), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
def test_prepacked_linear(use: Callable[..., None], dtype: torch.dtype, bias: bool) -> None:
    use("has_onednn", dtype)
    states, weight = torch.randn(2, 5, 72).to(dtype), torch.randn(33, 72).to(dtype)
    biases, factor = torch.randn(33).to(dtype) if bias else None, torch.randn(2, 5, 33).to(dtype)
    packed, wanted = torch_ops.prepack_linear(weight), linear(states, weight, biases)
    with torch.inference_mode():
        got = torch_ops.prepacked_linear(states, packed, biases)
        torch.testing.assert_close(got, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        got = torch_ops.prepacked_linear(states, packed, biases, "gelu")
        torch.testing.assert_close(got, gelu(wanted), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        got = torch_ops.prepacked_linear_mul(states, factor, packed, biases)
        torch.testing.assert_close(
            got, wanted * factor, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_prepacked_conv2d(
    use: Callable[..., None], dtype: torch.dtype, stride: int, groups: int
) -> None:
    use("has_onednn", dtype)
    images = torch.randn(2, 32, 11, 7).to(dtype).to(memory_format=torch.channels_last)
    weight, bias = torch.randn(48, 32 // groups, 3, 3).to(dtype), torch.randn(48).to(dtype)
    geometry = (1, 1), (stride, stride), (1, 1), groups
    packed = torch_ops.prepack_conv2d(weight, [1, 32, 8, 8], geometry)
    with torch.inference_mode():
        got = torch_ops.prepacked_conv2d(images, packed, bias, geometry)
    wanted = conv2d(images, weight, bias, stride, padding=1, groups=groups)
    torch.testing.assert_close(got, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_no_other_module_uses_private_operators_of_torch() -> None:
    private = re.compile(r"torch\._(?!_)|torch\.ops\b|torch\.backends\.(mkldnn|quantized)")
    source = Path(marsam.__file__).parent
    users = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*.py")
        if private.search(file.read_text(encoding="utf-8"))
    }
    assert users == {"cpu/torch_ops.py"}
