"""A variational autoencoder: pictures squeezed into two numbers, and pictures made from them.

An encoder turns a picture x into a small cloud of codes z, a normal distribution q(z|x); a decoder
turns a code back into a picture, p(x|z). Training raises a lower bound of log p(x), the ELBO: the
decoder should recognise x from z, and all clouds together should fill the standard normal p(z), so
that *any* code drawn from it decodes to something (Kingma and Welling, "Auto-encoding variational
Bayes", 2014). Look at `VAE.losses`, the two terms; at `reparameterize`, the trick that makes them
trainable; and at what `reduction="tutorial"` does to them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.descent import SCHEDULES, rate_at
from dlcore.device import best_dtype
from dlcore.progress import Progress
from dlcore.settings import Settings, setting
from dlcore.threads import one_thread
from dlcore.vae_plane import Plane, Snapshot, Watcher, find_plane, manifold, span_of

__all__ = [  # the tab asks this module for everything, also for what stands in another
    "BETAS", "TUTORIAL", "VAE", "Config", "Elbo", "Plane", "Posterior", "Snapshot", "build",
    "bundled", "draw", "elbo", "evaluate", "find_plane", "importance_bound", "job", "kl_to_normal",
    "load_bundled", "manifold", "path", "pictures", "posterior", "restore", "span_of", "train",
]  # fmt: skip

PIXELS = 28 * 28
BETAS = (0.1, 0.5, 1.0, 2.0, 4.0, 10.0)  # of the small networks that ship, one for each


@dataclass(frozen=True)
class Config(Settings):
    """What to learn and how."""

    latent_dim: int = setting(2, low=1, high=64)  # two can be looked at; more draw better
    # "autoencoder": a code is a point, not a cloud, and nothing says where it should lie.
    model: str = setting("vae", choices=("vae", "autoencoder"))
    # What p(x|z) is: each pixel a coin that falls on ink, or a grey with noise of size `sigma`.
    likelihood: str = setting("bernoulli", choices=("bernoulli", "gaussian"))
    sigma: float = setting(0.2, low=0.05, high=1.0)  # about the error two dimensions leave
    # Above 1 the clouds must keep to the normal more than the bound asks (Higgins et al., 2017).
    beta: float = setting(1.0, low=0.0, high=20.0)
    # Share of the training in which beta grows to its value. At first a code is of little use and
    # costs much: without this, many of twenty numbers are given up for good (Bowman et al., 2016).
    warm_up: float = setting(0.0, low=0.0, high=1.0)
    # "elbo": both terms summed over what they are made of. "tutorial": the picture's term averaged
    # over its pixels, and so 784 times too small beside the other.
    reduction: str = setting("elbo", choices=("elbo", "tutorial"))
    hidden: str = setting("512,256", choices=("512,256", "256,128"))  # the decoder mirrors it
    # Between the layers. At a high rate most of the encoder's "relu" units fall silent for good;
    # "silu" (Elfwing et al., 2018) was 0.9 nats better at twenty codes after 20 epochs, and slower.
    activation: str = setting("relu", choices=("relu", "silu"))
    epochs: int = setting(15, low=1, high=1000)  # a minute on two cores; the plane forms in the 1st
    batch_size: int = setting(256, low=8, high=2048)
    # With a schedule: the highest it gets. Five times Adam's usual, which the soft landing allows.
    lr: float = setting(5e-3, low=1e-5, high=0.1)
    schedule: str = setting("one-cycle", choices=SCHEDULES)
    # Throw each pixel's coin anew every time it is seen; else a grey counts as both, in parts.
    binarize: bool = setting(False)
    # Share of the pixels that the encoder is not shown while it learns. In a long training it so
    # learns less by heart and reads new pictures better (Shu et al., 2018); a short one needs none.
    dropout: float = setting(0.0, low=0.0, high=0.9)
    train_share: float = setting(1.0, low=0.01, high=1.0)  # share of the 60,000 images to use
    # "auto": bfloat16 where the processor was measured to gain from it.
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    seed: int = setting(0, low=0, high=2**31 - 1)


# Squared error is a Gaussian whose 2σ² is 1. Averaged over the pixels it becomes one whose 2σ² is
# 784: "up to 20 times the difference of ink and paper is mere noise". So nothing is worth coding.
TUTORIAL = Config(
    likelihood="gaussian",
    sigma=math.sqrt(0.5),
    reduction="tutorial",
    batch_size=128,
    lr=1e-3,
    schedule="constant",
    precision="float32",
)


class VAE(nn.Module):
    """Encoder 784→512→256→(mu, log_var), decoder z→256→512→784: a million numbers to learn."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide, narrow = map(int, config.hidden.split(","))
        self.variational = config.model == "vae"
        self.likelihood, self.sigma = config.likelihood, config.sigma
        bend = {"relu": nn.ReLU, "silu": nn.SiLU}[config.activation]
        self.encoder = nn.Sequential(
            nn.Linear(PIXELS, wide), bend(), nn.Linear(wide, narrow), bend()
        )  # fmt: skip
        self.mu = nn.Linear(narrow, config.latent_dim)
        self.log_var = nn.Linear(narrow, config.latent_dim)  # of a variance, which must be > 0
        self.decoder = nn.Sequential(
            nn.Linear(config.latent_dim, narrow), bend(),
            nn.Linear(narrow, wide), bend(),
            nn.Linear(wide, PIXELS),
        )  # fmt: skip

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (as `to_pixels` takes them) -> the clouds q(z|x): mu (N, D), log_var (N, D)."""
        features = self.encoder(to_pixels(images))  # (N, 256)
        return self.mu(features).float(), self.log_var(features).float()

    def reparameterize(self, mu: Tensor, log_var: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a code z (N, D) from each cloud.

        Drawing has no slope. But a draw from N(mu, σ²) is mu + σ·noise: the chance is outside, and
        the slope passes through mu and σ (equation 10 of the paper).
        """
        if not self.variational:
            return mu
        noise = torch.randn(mu.shape, generator=rng)
        return mu + (log_var / 2).exp() * noise

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, D) -> pictures (N, 28, 28): each pixel's chance of ink, or its mean grey."""
        return self.decoder(z).float().sigmoid().view(-1, 28, 28)

    def losses(
        self, images: Tensor, rng: torch.Generator, *, dropout: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The two terms of -ELBO for each image, in nats: reconstruction (N,) and KL (N,).

        log p(x) ≥ E[log p(x|z)] - KL(q(z|x) ‖ p(z)), the first estimated with one draw of z.
        dropout: the share of the pixels that the encoder is not shown.
        """
        pixels = shown = to_pixels(images)  # (N, 784)
        if dropout:  # what is left counts for more, so that the sums stay what they are
            shown = pixels * torch.empty_like(pixels).bernoulli_(1 - dropout, generator=rng)
            shown = shown / (1 - dropout)
        mu, log_var = self.encode(shown)
        z = self.reparameterize(mu, log_var, rng)  # (N, D)
        reconstruction = self.surprise(z, pixels)
        kl = kl_to_normal(mu, log_var) if self.variational else torch.zeros(len(mu))
        return reconstruction, kl

    def surprise(self, z: Tensor, pixels: Tensor) -> Tensor:
        """-log p(x|z), summed over the pixels: z (N, D), pixels (N, 784) -> nats (N,)."""
        logits = self.decoder(z).float()  # (N, 784)
        if self.likelihood == "bernoulli":
            nats = F.binary_cross_entropy_with_logits(logits, pixels, reduction="none")
        else:
            far = (pixels - logits.sigmoid()) / self.sigma
            nats = far.square() / 2 + math.log(self.sigma * math.sqrt(2 * math.pi))
        return nats.sum(dim=1)


def kl_to_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, σ²) ‖ N(0, 1)) of clouds (N, D), summed over D -> nats (N,) (appendix B)."""
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1)


def to_pixels(images: Tensor) -> Tensor:
    """uint8 (N, 28, 28), or floats in [0, 1] of any such shape -> floats in [0, 1] (N, 784)."""
    flat = images.reshape(len(images), PIXELS)
    return flat.float().div_(255) if images.dtype == torch.uint8 else flat


def build(config: Config) -> VAE:
    """A new network; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    return VAE(config)


def restore(state: Mapping[str, Tensor | np.ndarray], config: Config) -> VAE:
    """The network that these weights make, ready to use."""
    model = VAE(config)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval().requires_grad_(False)


def train(model: VAE, data: Mnist, config: Config) -> Iterator[Progress]:
    """Teach `model` in place; stop asking at any step and it is as good as it got so far.

    Metrics, in nats per image: reconstruction, kl and their sum, loss = -ELBO, of each batch, and
    test_reconstruction, test_kl, test_loss of the test set after each epoch.
    """
    rng = torch.Generator().manual_seed(config.seed)  # orders the batches, and draws the codes
    count = max(1, round(config.train_share * len(data.train_images)))
    images = data.train_images[torch.randperm(len(data.train_images), generator=rng)[:count]]
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    dtype = _number_format(config.precision)
    watcher = Watcher(model, data.test_images, data.test_labels, dtype)

    total, step = config.epochs * math.ceil(count / config.batch_size), 0
    for _ in range(config.epochs):
        batches = torch.randperm(count, generator=rng).split(config.batch_size)
        for number, batch in enumerate(batches, start=1):
            pixels = to_pixels(images[batch])
            if config.binarize:
                pixels = pixels.bernoulli(generator=rng)
            with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                reconstruction, kl = model.losses(pixels, rng, dropout=config.dropout)
            done = step / total
            loss = objective(reconstruction, kl, config, done)
            optimizer.param_groups[0]["lr"] = rate_at(config.schedule, config.lr, done)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            step += 1
            nats = reconstruction.mean().item(), kl.mean().item()
            metrics = {"reconstruction": nats[0], "kl": nats[1], "loss": sum(nats)}
            if number == len(batches):
                tested = evaluate(model, data.test_images, binarize=config.binarize)
                metrics |= {f"test_{name}": value for name, value in tested.items()}
            yield Progress(step, total, metrics, watcher.look(step, last=step == total))


def objective(reconstruction: Tensor, kl: Tensor, config: Config, done: float = 1.0) -> Tensor:
    """What is minimised: the mean over a batch of both terms (B,), weighed as the settings say.

    done: how much of the training is over, from 0 to 1.
    """
    if config.reduction == "tutorial":
        reconstruction = reconstruction / PIXELS  # a mean over pixels, beside a sum over codes
    beta = config.beta * min(1.0, done / config.warm_up if config.warm_up else 1.0)
    return (reconstruction + beta * kl).mean()


def _number_format(precision: str) -> torch.dtype:
    """Of the heavy sums. The weights themselves, and both losses, are always float32."""
    if precision == "auto":
        return best_dtype()
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


@torch.no_grad()
def evaluate(model: VAE, images: Tensor, *, binarize: bool = False) -> dict[str, float]:
    """Mean reconstruction, kl and loss = -ELBO of images (N, 28, 28) uint8, in nats per image.

    With one draw for each image, the same draws every time.
    """
    rng, sums = torch.Generator().manual_seed(0), np.zeros(2)
    for part in images.split(1000):
        pixels = to_pixels(part)
        if binarize:
            pixels = pixels.bernoulli(generator=rng)
        sums += [term.double().sum().item() for term in model.losses(pixels, rng)]
    reconstruction, kl = map(float, sums / len(images))
    return {"reconstruction": reconstruction, "kl": kl, "loss": reconstruction + kl}


def job(config: Config) -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed."""
    data = load_mnist()
    with one_thread():  # a second core, if idle, would save a tenth; if busy, it doubles the time
        yield from train(build(config), data, config)


@dataclass(frozen=True)
class Posterior:
    """The cloud of codes that one picture may have come from: mean and standard deviation, (D,)."""

    mu: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class Elbo:
    """-ELBO of one picture in nats: what its details cost, and what its code costs."""

    reconstruction: float
    kl: float

    @property
    def loss(self) -> float:
        return self.reconstruction + self.kl


@torch.no_grad()
def posterior(model: VAE, image: Tensor) -> Posterior:
    """image (28, 28), uint8 or floats in [0, 1] -> q(z|x). An autoencoder's cloud has no width."""
    mu, log_var = model.encode(image[None])  # (1, D), (1, D)
    sigma = (log_var / 2).exp() if model.variational else torch.zeros_like(mu)
    return Posterior(mu[0].numpy(), sigma[0].numpy())


def draw(cloud: Posterior, count: int, *, seed: int = 0) -> Tensor:
    """`count` codes (count, D) from a picture's cloud."""
    noise = torch.randn(count, len(cloud.mu), generator=torch.Generator().manual_seed(seed))
    return torch.from_numpy(cloud.mu) + noise * torch.from_numpy(cloud.sigma)


@torch.no_grad()
def pictures(model: VAE, z: Tensor) -> Tensor:
    """Codes (N, D) -> (N, 28, 28) floats in [0, 1], what the decoder makes of them."""
    return model.decode(z)


def path(start: Tensor, end: Tensor, count: int) -> Tensor:
    """`count` codes (count, D) on the straight line from one code (D,) to another."""
    share = torch.linspace(0, 1, count)[:, None]  # (count, 1)
    return start * (1 - share) + end * share


@torch.no_grad()
def elbo(model: VAE, image: Tensor, *, samples: int = 64, seed: int = 0) -> Elbo:
    """-ELBO of one picture (28, 28), the first term as a mean over `samples` draws of its code."""
    rng = torch.Generator().manual_seed(seed)
    reconstruction, kl = model.losses(to_pixels(image[None]).expand(samples, -1), rng)
    return Elbo(reconstruction.mean().item(), kl.mean().item())


@torch.no_grad()
def importance_bound(model: VAE, pixels: Tensor, samples: int, rng: torch.Generator) -> Tensor:
    """A tighter bound of log p(x): pixels (N, 784) -> nats (N,), with `samples` codes for each.

    log of the mean of p(x|z) p(z) / q(z|x) over z drawn from q: with one sample it is the ELBO on
    average, and with more it only rises, towards log p(x) (Burda et al., 2016, equation 8).
    """
    mu, log_var = model.encode(pixels)  # (N, D), (N, D)
    total = torch.full((len(mu),), -math.inf)
    for first in range(0, samples, 1000):  # in parts: 5,000 codes of many images fill a memory
        count = min(1000, samples - first)
        noise = torch.randn(len(mu), count, mu.shape[1], generator=rng)  # (N, K, D)
        z = mu[:, None] + (log_var[:, None] / 2).exp() * noise
        # log p(z) - log q(z|x): the constants of both normals are the same and cancel.
        ratio = 0.5 * (noise.square() + log_var[:, None] - z.square()).sum(dim=2)  # (N, K)
        seen = model.surprise(z.flatten(0, 1), pixels.repeat_interleave(count, dim=0))
        weights = ratio - seen.view(len(mu), count)  # (N, K), logarithms
        total = torch.logaddexp(total, weights.logsumexp(dim=1))
    return total - math.log(samples)


def bundled(name: str) -> Path:
    """The file of a network that ships: "2", "20", "beta=0.5", …, "autoencoder"."""
    folder = Path(__file__).parent.parent / "weights"
    return folder / f"vae_{name.replace('=', '_')}.safetensors"


def load_bundled(name: str = "2") -> VAE:
    """A network that ships with the project. See weights/README.md for how each was made."""
    checkpoint = load_checkpoint(bundled(name), topic="vae")
    return restore(checkpoint.state, Config(**checkpoint.config))
