"""SegFormer (Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
Transformers", NeurIPS 2021) as transformers builds it, with strides of 2 for the small inputs of probes."""

from torch import nn
from torch.nn import functional
from transformers import SegformerConfig, SegformerForSemanticSegmentation


class Segformer(nn.Module):
    """(batch, inputs, height, width) to (batch, outputs, height, width)."""

    dims = (2,)
    sizes = (8, 8)
    widths = (8, 16, 32, 64)
    expected_failures = {
        "gradient-reaches-every-parameter": "biases of keys, and those before a normalisation, cancel out"
    }

    def __init__(self, shape, *, width: int, depth: int = 1):
        super().__init__()
        config = SegformerConfig(
            num_channels=shape.inputs,
            num_labels=shape.outputs,
            num_encoder_blocks=3,
            depths=[depth] * 3,
            sr_ratios=[4, 2, 1],
            hidden_sizes=[width, 2 * width, 4 * width],
            patch_sizes=[3] * 3,
            strides=[2] * 3,
            num_attention_heads=[1, 2, 4],
            mlp_ratios=[4] * 3,
            decoder_hidden_size=width,
        )
        self.network = SegformerForSemanticSegmentation(config)

    def forward(self, x):
        return functional.interpolate(self.network(x).logits, x.shape[2:], mode="bilinear")
