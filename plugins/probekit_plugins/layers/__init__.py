"""The built-in layers. A structure hosts them; each keeps the shape of its map."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl

PACKAGE = "probekit_plugins.layers"
LAYERS = {
    "average": (
        "average:Average",
        "global average pooling, linear in positions (Courtois et al. 2022)",
    ),
    "axial": ("axial:Axial", "attention along each axis in turn, N^1.5 in 2-D (Ho et al. 2019)"),
    "criss-cross": (
        "criss_cross:CrissCross",
        "attention to each position's row and column, twice, N^1.5 in 2-D (Huang et al. 2019)",
    ),
    "deformable": (
        "deformable:Deformable",
        "two modulated deformable depthwise convolutions, linear in positions (Zhu et al. 2019)",
    ),
    "deltanet": (
        "deltanet:DeltaNet",
        "the delta rule: each position corrects a state, linear in positions (Schlag et al. 2021)",
    ),
    "deltaproduct": (
        "deltaproduct:DeltaProduct",
        "several steps of the delta rule at each position, linear in positions (Siems et al. 2025)",
    ),
    "double-attention": (
        "double_attention:DoubleAttention",
        "a few descriptors of the map, gathered and distributed, linear in positions (Chen et al. 2018)",
    ),
    "efficient-attention": (
        "efficient_attention:EfficientAttention",
        "separate softmax of queries and of keys, linear in positions (Shen et al. 2021)",
    ),
    "fastformer": (
        "fastformer:Fastformer",
        "one global query and one global key, linear in positions (Wu et al. 2021)",
    ),
    "fnet": (
        "fnet:FNet",
        "a Fourier transform over positions and channels, N log N in positions (Lee-Thorp et al. 2022)",
    ),
    "forgetting-attention": (
        "forgetting_attention:ForgettingAttention",
        "attention with a forget gate, quadratic in positions (Lin et al. 2025)",
    ),
    "gather-excite": (
        "gather_excite:GatherExcite",
        "channels weighted by means over blocks, linear in positions (Hu et al. 2018)",
    ),
    "global-context": (
        "global_context:GlobalContext",
        "one attention-pooled context for all positions, linear in positions (Cao et al. 2020)",
    ),
    "global-filter": (
        "global_filter:GlobalFilter",
        "a circular convolution as large as the map, N log N in positions (Rao et al. 2021)",
    ),
    "gla": (
        "gla:GatedLinearAttention",
        "attention whose state decays channel by channel, linear in positions (Yang et al. 2024)",
    ),
    "glore": ("glore:GloRe", "reasoning between a few nodes, linear in positions (Chen et al. 2019)"),
    "gmlp": ("gmlp:GMLP", "a gate that mixes positions, quadratic in positions (Liu et al. 2021)"),
    "gru": ("gru:GRU", "a gated state, updated position by position, linear in positions (Cho et al. 2014)"),
    "hgrn2": (
        "hgrn2:HGRN2",
        "a state that writes as much as it forgets, linear in positions (Qin et al. 2024)",
    ),
    "hyena": (
        "hyena:Hyena",
        "a long convolution between two gates, N log N in positions (Poli et al. 2023)",
    ),
    "kda": (
        "kda:KimiDeltaAttention",
        "the delta rule with a decay of each channel, linear in positions (Kimi Team 2025)",
    ),
    "lambda": ("lambda_:Lambda", "Lambda layer: content lambdas, linear in positions (Bello 2021)"),
    "lambda-tt": (
        "lambda_tt:LambdaTT",
        "Lambda layer whose keys come from a first Lambda pass, linear in positions (Courtois et al. 2022)",
    ),
    "large-kernel": (
        "large_kernel:LargeKernel",
        "a depthwise convolution with a 31 x 31 kernel, linear in positions (Ding et al. 2022)",
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
        "attention to a window and to summaries of the map, linear in positions (Zhu et al. 2021)",
    ),
    "mamba": (
        "mamba:Mamba",
        "a state space whose step sizes depend on the content, linear in positions (Gu and Dao 2023)",
    ),
    "mamba3": (
        "mamba3:Mamba3",
        "Mamba-3: a state that decays and rotates with the content, linear in positions (Lahoti et al. 2026)",
    ),
    "mixer": ("mixer:Mixer", "a perceptron over positions, quadratic in positions (Tolstikhin et al. 2021)"),
    "mlstm": (
        "mlstm:MLSTM",
        "xLSTM's matrix memory with exponential gates, linear in positions (Beck et al. 2024)",
    ),
    "non-local": (
        "non_local:NonLocal",
        "unscaled attention of one head, quadratic in time (Wang et al. 2018)",
    ),
    "nystrom": ("nystrom:Nystrom", "attention through landmarks, linear in positions (Xiong et al. 2021)"),
    "perceiver": (
        "perceiver:Perceiver",
        "a few latents read the map and write to it, linear in positions (Jaegle et al. 2022)",
    ),
    "reformer": (
        "reformer:Reformer",
        "attention among positions with a similar hash, linear in positions (Kitaev et al. 2020)",
    ),
    "retention": (
        "retention:Retention",
        "sums that decay at fixed rates, linear in positions (Sun et al. 2023)",
    ),
    "rwkv7": (
        "rwkv7:RWKV7",
        "a state that decays and is corrected channel by channel, linear in positions (Peng et al. 2025)",
    ),
    "s4d": (
        "s4d:S4D",
        "a diagonal state space, one kernel per channel, N log N in positions (Gu et al. 2022)",
    ),
    "slstm": (
        "slstm:SLSTM",
        "xLSTM's scalar memory, mixed from position to position, linear in positions (Beck et al. 2024)",
    ),
    "squeeze-excite": (
        "squeeze_excite:SqueezeExcite",
        "channels weighted by the mean of all positions, linear in positions (Hu et al. 2018)",
    ),
    "ssd": (
        "ssd:SSD",
        "Mamba-2: a state whose decay depends on the content, linear in positions (Dao and Gu 2024)",
    ),
    "transformer": (
        "transformer:Transformer",
        "dense self-attention, quadratic in positions (Vaswani et al. 2017)",
    ),
    "ttt": (
        "ttt:TTTLinear",
        "a linear model that learns while it reads, linear in positions (Sun et al. 2024)",
    ),
    "window": (
        "window:Window",
        "attention within windows of side 7, linear in positions (Liu et al. 2021)",
    ),
    "xca": ("xca:XCA", "channels attend to channels, linear in positions (El-Nouby et al. 2021)"),
}
"""By name: module and class, and a description in one line."""


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in layers."""
    return [
        Component("layer", name, f"{PACKAGE}.{target}", about) for name, (target, about) in LAYERS.items()
    ]
