"""Which optimisations a device uses, in sentences for ``marsam info``."""

from marsam.cpu.prepacked import prepacks_onednn
from marsam.cpu.quantized_linear import uses_fbgemm
from marsam.cpu.tiled_attention import uses_tiled_attention
from marsam.device import Device


def optimizations(device: Device) -> tuple[str, ...]:
    """Describe the optimisations of a device, a sentence each."""
    if not device.is_cpu:
        return ("the libraries' own kernels; Marsam's optimisations are for CPUs",)
    if not device.has_bf16:
        convolutions = ", Winograd convolutions" if device.has_spare_memory else ""
        fbgemm = ", fp16 weights (FBGEMM)" if uses_fbgemm(device) else ""
        return (
            f"image models: channels_last, fp16 weight storage with fp32 compute{convolutions}",
            f"text models: LM head reduced to the target script{fbgemm}",
        )
    tiled = ", tiled attention" if uses_tiled_attention(device) else ""
    sentences = [f"image models: channels_last{tiled}"]
    sentences.append(
        "text models: int8 weight-only quantised decoders, LM head reduced to the target script"
    )
    if prepacks_onednn(device):
        sentences.append("image and text models: prepacked weights (oneDNN)")
    return tuple(sentences)
