"""The built-in structures: networks that a probe tests."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl

PACKAGE = "probekit_plugins.structures"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in structures."""
    return [
        Component(
            "structure",
            "plain",
            f"{PACKAGE}.plain:Plain",
            "layers in a row, then 1x1 convolutions, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet",
            f"{PACKAGE}.unet:UNet",
            "U-Net of ConvNeXt blocks, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet-d4",
            f"{PACKAGE}.group_averaging:GroupAveragedUNet",
            "the U-Net, averaged over all rotations and reflections of a square, so covariant to them",
        ),
        Component(
            "structure",
            "hrnet",
            f"{PACKAGE}.hrnet:HRNet",
            "parallel scales, fused repeatedly (Wang et al. 2020)",
        ),
        Component(
            "structure",
            "lambda-unet",
            f"{PACKAGE}.lambda_unet:LambdaUNet",
            "a U-Net with local lambda layers instead of convolutions (Ou et al. 2021)",
        ),
        Component(
            "structure",
            "nonlocal-unet",
            f"{PACKAGE}.nonlocal_unet:NonLocalUNet",
            "a U-Net that upsamples by attention to the whole smaller map (Wang et al. 2020)",
        ),
        Component(
            "structure",
            "pretrained",
            f"{PACKAGE}.pretrained:Pretrained",
            "a pretrained depth estimator (Ranftl et al. 2022); pip install 'probekit-nn[pretrained]'",
        ),
        Component(
            "structure",
            "recurrent",
            f"{PACKAGE}.recurrent:Recurrent",
            "one block applied repeatedly, with the input each time (Bansal et al. 2022)",
        ),
        Component(
            "structure",
            "restormer",
            f"{PACKAGE}.restormer:Restormer",
            "a U-Net whose channels attend to channels, with gated convolutions (Zamir et al. 2022)",
        ),
        Component(
            "structure",
            "u2net",
            f"{PACKAGE}.u2net:U2Net",
            "a U-Net of U-Nets (Qin et al. 2020)",
        ),
        Component(
            "structure",
            "vit",
            f"{PACKAGE}.vit:ViT",
            "patches, attention blocks, patches again (Dosovitskiy et al. 2021)",
        ),
    ]
