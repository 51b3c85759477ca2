"""A trained classifier for other programs: an ONNX file, which many of them can run.

ONNX is a network written down as a list of operations with its weights, independent of PyTorch.
torch follows one picture through the network and writes down what happens to it.
"""

import io
import warnings

import torch
from torch import Tensor, nn

from dlcore.transfer_classify import Classifier
from dlcore.transfer_network import TransferError

OPSET = 17  # which list of operations: old enough for most programs
MOST_BYTES = 250_000_000


class Probabilities(nn.Module):
    """From pixels to probabilities, so that nothing is left to do outside the file."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """images uint8 (N, 3, S, S) -> probabilities float32 (N, C)."""
        return self.model(images).softmax(dim=-1)


def to_onnx(classifier: Classifier) -> bytes:
    """The classifier as an ONNX file: input "images", uint8 (N, 3, size, size), RGB; output
    "probabilities", float32 (N, C). The classes' names are in its metadata.

    Raises TransferError for a network that is too large to be handed over in one piece, and
    ImportError without the package onnx.
    """
    import onnx

    check_size(classifier)
    network = Probabilities(classifier.model).eval()
    images = torch.zeros(1, 3, classifier.size, classifier.size, dtype=torch.uint8)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # It warns that sizes become fixed: they may, but for the number of pictures.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (images,),
            file,  # type: ignore[arg-type]
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_axes={"images": {0: "count"}, "probabilities": {0: "count"}},
            opset_version=OPSET,
            dynamo=False,  # the newer exporter needs two more packages and ten times as long
        )
    model = onnx.load_from_string(file.getvalue())
    for place, name in enumerate(classifier.names):
        entry = model.metadata_props.add()
        entry.key, entry.value = f"class_{place}", name
    return model.SerializeToString()


def check_size(classifier: Classifier) -> None:
    """Raise TransferError for a network that is too large for a download."""
    size = sum(value.numel() * value.element_size() for value in classifier.model.parameters())
    if size > MOST_BYTES:
        megabytes, most = round(size / 1e6), MOST_BYTES // 1_000_000
        message = f"this network has {megabytes} MB, a download at most {most}"
        raise TransferError("too_large_to_take", message, mb=megabytes, most_mb=most)
