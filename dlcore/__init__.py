"""The deep-learning side of the app: ten topics in plain PyTorch, usable without a browser.

Each topic is one module that reads from top to bottom (`dlcore.perceptron`, `dlcore.cnn`, …).
Importing `dlcore` itself costs nothing: no torch, no weights, no data.
"""

__version__ = "0.1.0"
