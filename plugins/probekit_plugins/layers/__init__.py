"""Layers: what a structure hosts; each keeps the shape of its map."""

from probekit.components import Component
from probekit.hookspecs import hookimpl

HERE = "probekit_plugins.layers"
LAYERS = {
    "average": (
        "average:Average",
        "global average pooling, linear in positions (Courtois et al. 2022)",
    ),
    "axial": ("axial:Axial", "attention along one axis after the other, N^1.5 in 2-D (Ho et al. 2019)"),
    "criss-cross": (
        "criss_cross:CrissCross",
        "attention to the own row and column, twice, N^1.5 in 2-D (Huang et al. 2019)",
    ),
    "deformable": (
        "deformable:Deformable",
        "two modulated deformable depthwise convolutions, linear in positions (Zhu et al. 2019)",
    ),
    "deltanet": (
        "deltanet:DeltaNet",
        "a state that each position corrects, linear in positions (Schlag et al. 2021)",
    ),
    "double-attention": (
        "double_attention:DoubleAttention",
        "a few descriptors of the map, handed out again, linear in positions (Chen et al. 2018)",
    ),
    "efficient-attention": (
        "efficient_attention:EfficientAttention",
        "softmax of queries and of keys apart, linear in positions (Shen et al. 2021)",
    ),
    "fastformer": (
        "fastformer:Fastformer",
        "one query and one key for the whole map, linear in positions (Wu et al. 2021)",
    ),
    "fnet": (
        "fnet:FNet",
        "a Fourier transform over positions and channels, N log N in positions (Lee-Thorp et al. 2022)",
    ),
    "gather-excite": (
        "gather_excite:GatherExcite",
        "channels weighed by means over blocks, linear in positions (Hu et al. 2018)",
    ),
    "global-context": (
        "global_context:GlobalContext",
        "one attention-pooled context for all positions, linear in them (Cao et al. 2020)",
    ),
    "global-filter": (
        "global_filter:GlobalFilter",
        "a circular convolution as large as the map, N log N in positions (Rao et al. 2021)",
    ),
    "gla": (
        "gla:GatedLinearAttention",
        "attention that fades channel by channel as it reads, linear in positions (Yang et al. 2024)",
    ),
    "glore": ("glore:GloRe", "reasoning between a few nodes, linear in positions (Chen et al. 2019)"),
    "gmlp": ("gmlp:GMLP", "a gate that mixes positions, quadratic in them (Liu et al. 2021)"),
    "gru": ("gru:GRU", "a gated state, moved position by position, linear in them (Cho et al. 2014)"),
    "hyena": (
        "hyena:Hyena",
        "a long convolution between two gates, N log N in positions (Poli et al. 2023)",
    ),
    "lambda": ("lambda_:Lambda", "Lambda layer: content lambdas, linear in positions (Bello 2021)"),
    "lambda-tt": (
        "lambda_tt:LambdaTT",
        "Lambda layer whose keys come from a first Lambda pass, linear in positions (Courtois et al. 2022)",
    ),
    "large-kernel": (
        "large_kernel:LargeKernel",
        "a depthwise convolution of 31 positions a side, linear in positions (Ding et al. 2022)",
    ),
    "linear-attention": (
        "linear_attention:LinearAttention",
        "attention by products of features, linear in positions (Katharopoulos et al. 2020)",
    ),
    "linformer": (
        "linformer:Linformer",
        "attention to positions projected to a few, linear in positions (Wang et al. 2020)",
    ),
    "long-short": (
        "long_short:LongShort",
        "attention to the own window and to summaries of the map, linear in positions (Zhu et al. 2021)",
    ),
    "mamba": (
        "mamba:Mamba",
        "a state space whose steps are chosen by what is read, linear in positions (Gu and Dao 2023)",
    ),
    "mixer": ("mixer:Mixer", "a perceptron over positions, quadratic in them (Tolstikhin et al. 2021)"),
    "non-local": (
        "non_local:NonLocal",
        "attention of one head, not scaled, quadratic in time (Wang et al. 2018)",
    ),
    "nystrom": ("nystrom:Nystrom", "attention through landmarks, linear in positions (Xiong et al. 2021)"),
    "perceiver": (
        "perceiver:Perceiver",
        "a few latents that read the map and write to it, linear in positions (Jaegle et al. 2022)",
    ),
    "reformer": (
        "reformer:Reformer",
        "attention among positions of like hash, linear in positions (Kitaev et al. 2020)",
    ),
    "retention": (
        "retention:Retention",
        "sums that fade at fixed rates, linear in positions (Sun et al. 2023)",
    ),
    "s4d": ("s4d:S4D", "a diagonal state space, one kernel a channel, N log N in positions (Gu et al. 2022)"),
    "squeeze-excite": (
        "squeeze_excite:SqueezeExcite",
        "channels weighed by the mean of all positions, linear in them (Hu et al. 2018)",
    ),
    "ssd": ("ssd:SSD", "Mamba-2: a state that fades by what is read, linear in positions (Dao and Gu 2024)"),
    "transformer": (
        "transformer:Transformer",
        "dense self-attention, quadratic in positions (Vaswani et al. 2017)",
    ),
    "window": (
        "window:Window",
        "attention within windows of 7 positions a side, linear in positions (Liu et al. 2021)",
    ),
    "xca": ("xca:XCA", "channels attend to channels, linear in positions (El-Nouby et al. 2021)"),
}
"""By name: where it is, and a line about it."""


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in layers."""
    return [Component("layer", name, f"{HERE}.{target}", about) for name, (target, about) in LAYERS.items()]
