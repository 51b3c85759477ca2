"""The tutorial's way to train on MNIST: what almost everybody writes first.

One picture at a time goes from an array through PIL into a tensor, a DataLoader stacks 64 of them,
and float32 does the rest. Nothing here is slow on purpose: it is the yardstick of `dlcore.cnn`.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Pictures as torchvision's MNIST and its `ToTensor` hand them out."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels  # (N, 28, 28) uint8, (N,) int64

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index].numpy())
        pixels = torch.from_numpy(np.array(picture, np.uint8)).view(28, 28, 1)
        image = pixels.permute(2, 0, 1).contiguous().float().div(255)  # (1, 28, 28)
        return image, int(self.labels[index])


class PlainCNN(nn.Module):
    """The same network as `dlcore.cnn.CNN`, in the order a textbook gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        self.fc1 = nn.Linear(1600, 64)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))


def train_plain(
    train: Dataset[tuple[Tensor, int]],
    test: Dataset[tuple[Tensor, int]],
    *,
    epochs: int,
    seed: int = 0,
) -> Iterator[float]:
    """Adam 1e-3, batch 64; yields the test accuracy after each epoch."""
    torch.manual_seed(seed)
    model = PlainCNN()
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train_loader = DataLoader(train, batch_size=64, shuffle=True)
    test_loader = DataLoader(test, batch_size=64)
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = loss_function(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        right = seen = 0
        with torch.no_grad():
            for images, labels in test_loader:
                right += int((model(images).argmax(dim=1) == labels).sum())
                seen += len(labels)
        yield right / seen
