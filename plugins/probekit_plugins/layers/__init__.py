"""Layers: what a structure hosts; each keeps the shape of its map."""

from probekit.components import Component
from probekit.hookspecs import hookimpl

HERE = "probekit_plugins.layers"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in layers."""
    return [
        Component(
            "layer",
            "average",
            f"{HERE}.average:Average",
            "global average pooling, broadcast to every position",
        ),
        Component(
            "layer",
            "deformable",
            f"{HERE}.deformable:Deformable",
            "two modulated deformable depthwise convolutions",
        ),
        Component(
            "layer",
            "deltanet",
            f"{HERE}.deltanet:DeltaNet",
            "a state that each position corrects by the delta rule, linear in positions",
        ),
        Component(
            "layer",
            "global-context",
            f"{HERE}.global_context:GlobalContext",
            "one attention-pooled context for all positions",
        ),
        Component(
            "layer", "gru", f"{HERE}.gru:GRU", "a gated state, moved position by position, linear in them"
        ),
        Component(
            "layer", "lambda", f"{HERE}.lambda_:Lambda", "Lambda layer: content lambdas, linear in positions"
        ),
        Component(
            "layer",
            "lambda-tt",
            f"{HERE}.lambda_tt:LambdaTT",
            "Lambda layer whose keys come from a first Lambda pass",
        ),
        Component(
            "layer", "linformer", f"{HERE}.linformer:Linformer", "attention to positions projected to a few"
        ),
        Component("layer", "mixer", f"{HERE}.mixer:Mixer", "a perceptron over positions, quadratic in them"),
        Component(
            "layer", "nystrom", f"{HERE}.nystrom:Nystrom", "attention through landmarks, linear in positions"
        ),
        Component(
            "layer",
            "reformer",
            f"{HERE}.reformer:Reformer",
            "attention among positions of like hash, linear in positions",
        ),
        Component(
            "layer",
            "transformer",
            f"{HERE}.transformer:Transformer",
            "dense self-attention, quadratic in positions",
        ),
    ]
