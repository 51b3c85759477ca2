"""Walks, directions and saliency, against generators and judges whose answers are known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore import gan
from dlcore.data.mnist import load_mnist
from tests.gan_runs import QUICK

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_walk_turns_evenly_from_end_to_end() -> None:
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    path = gan.interpolate(a, 2 * b, 9)
    assert torch.equal(path[0], a) and torch.equal(path[-1], 2 * b)
    lengths = path.norm(dim=1)
    steady = torch.linspace(a.norm().item(), 2 * b.norm().item(), 9)
    torch.testing.assert_close(lengths, steady, rtol=1e-4, atol=1e-4)
    unit = path / lengths[:, None]
    angles = (unit[1:] * unit[:-1]).sum(dim=1).clamp(-1, 1).acos()
    whole = F.cosine_similarity(a, b, dim=0).acos()
    torch.testing.assert_close(angles, (whole / 8).expand(8), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("other", [1.0, -1.0])
def test_a_walk_to_itself_or_to_its_opposite_goes_somewhere(other: float) -> None:
    a = torch.randn(5, generator=torch.Generator().manual_seed(0))
    path = gan.interpolate(a, other * a, 5)
    assert path.isfinite().all()
    torch.testing.assert_close(path.norm(dim=1), a.norm().expand(5), rtol=1e-4, atol=1e-5)


class Linear(nn.Module):
    """A generator whose Jacobian is known."""

    noise_dim, classes = 6, 0

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.randn(784, 6, generator=torch.Generator().manual_seed(3))

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        return (noise @ self.matrix.T).view(-1, 28, 28)


def test_directions_of_a_linear_generator_are_its_singular_vectors() -> None:
    generator = Linear()
    found = gan.directions(generator, 3)
    wanted = torch.linalg.svd(generator.matrix).Vh[:3]
    torch.testing.assert_close((found * wanted).sum(dim=1).abs(), torch.ones(3), rtol=0, atol=1e-3)
    assert (found.gather(1, found.abs().argmax(dim=1, keepdim=True)) > 0).all()


def test_directions_change_a_picture_more_than_others_do() -> None:
    generator = gan.build(QUICK).generator
    best = gan.directions(generator, 4)
    torch.testing.assert_close(best @ best.T, torch.eye(4), rtol=0, atol=1e-4)
    noise = torch.randn(40, 100, generator=torch.Generator().manual_seed(9))
    generator.eval()

    def change(direction: Tensor) -> float:
        with torch.no_grad():
            return (generator(noise + direction) - generator(noise)).norm().item()

    others = torch.randn(8, 100, generator=torch.Generator().manual_seed(4))
    assert change(best[0]) > max(change(other / other.norm()) for other in others)


def test_saliency_foretells_what_a_little_ink_does() -> None:
    judge = gan.build(QUICK).discriminator
    image = load_mnist().test_images[0]
    slope = gan.saliency(judge, image)
    assert slope.shape == (28, 28)
    row, column = np.unravel_index(np.abs(slope).argmax(), slope.shape)
    more = image.clone()
    more[row, column] = 128 if image[row, column] < 128 else 0
    ink = (int(more[row, column]) - int(image[row, column])) / 127.5
    before, after = gan.score(judge, torch.stack([image, more])).tolist()
    assert after - before == pytest.approx(slope[row, column] * ink, rel=0.2)
