"""Structures: networks put to a probe."""

from probekit.components import Component
from probekit.hookspecs import hookimpl

HERE = "probekit_plugins.structures"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in structures."""
    return [
        Component(
            "structure",
            "plain",
            f"{HERE}.plain:Plain",
            "layers in a row, then 1x1 convolutions, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet",
            f"{HERE}.unet:UNet",
            "U-Net of ConvNeXt blocks, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet-d4",
            f"{HERE}.turned:TurnedUNet",
            "the U-Net, a mean over all turns and mirrors of a square map, so that it is covariant to each",
        ),
        Component(
            "structure",
            "hrnet",
            f"{HERE}.hrnet:HRNet",
            "scales side by side, fused again and again (Wang et al. 2020)",
        ),
        Component(
            "structure",
            "lambda-unet",
            f"{HERE}.lambda_unet:LambdaUNet",
            "a U-Net of local lambda layers in the place of convolutions (Ou et al. 2021)",
        ),
        Component(
            "structure",
            "nonlocal-unet",
            f"{HERE}.nonlocal_unet:NonLocalUNet",
            "a U-Net that goes up by attention to all of the smaller map (Wang et al. 2020)",
        ),
        Component(
            "structure",
            "pretrained",
            f"{HERE}.pretrained:Pretrained",
            "a depth estimator as it is (Ranftl et al. 2022); pip install 'probekit-nn[pretrained]'",
        ),
        Component(
            "structure",
            "recurrent",
            f"{HERE}.recurrent:Recurrent",
            "one block applied again and again, shown the input each time (Bansal et al. 2022)",
        ),
        Component(
            "structure",
            "restormer",
            f"{HERE}.restormer:Restormer",
            "a U whose channels attend to channels, with gated convolutions (Zamir et al. 2022)",
        ),
        Component(
            "structure",
            "u2net",
            f"{HERE}.u2net:U2Net",
            "a U-Net whose every stage is a U-Net (Qin et al. 2020)",
        ),
        Component(
            "structure",
            "vit",
            f"{HERE}.vit:ViT",
            "patches, attention in a row, patches again (Dosovitskiy et al. 2021)",
        ),
    ]
