"""The 1,000 labels of ImageNet's competition, by their numbers, in English and Vietnamese.

The numbers are the order in which every published network lists its scores (Russakovsky et al.,
"ImageNet large scale visual recognition challenge", 2015). Many labels are dog breeds, tools and
fish without a settled Vietnamese name: such a translation is marked doubtful.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LABELS_FILE = Path(__file__).parent / "data" / "imagenet" / "labels.tsv"


@dataclass(frozen=True)
class ImageNetLabel:
    index: int
    en: str
    vi: str
    doubtful: bool  # the Vietnamese name is not settled
    note: str = ""  # why, in English

    def named(self, language: str) -> str:
        """Its name in "en" or "vi"."""
        return self.vi if language == "vi" else self.en


@lru_cache(maxsize=1)
def imagenet_labels() -> tuple[ImageNetLabel, ...]:
    """All 1,000 labels in the networks' order."""
    with LABELS_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            ImageNetLabel(
                int(row["index"]), row["en"], row["vi"], bool(row["doubtful"]), row["note"] or ""
            )
            for row in csv.DictReader(file, delimiter="\t")
        )
