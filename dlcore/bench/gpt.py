"""What the cache saves, and how well the bundled GPT keeps to lục bát.

Without a cache a GPT reads the whole text anew for every token that it writes; with one it reads
the new token only. Both write the same text, the likeliest token each time. `measure_verses` lets
the bundled GPT write 500 couplets with the default settings and judges them by `dlcore.luc_bat`.
"""

import torch

from dlcore.bench.race import Race
from dlcore.gpt import GPT, Shape, Writer, load_bundled
from dlcore.gpt_tasks import copied
from dlcore.gpt_writing import Decoding, pace, write
from dlcore.luc_bat import read_couplets, score
from dlcore.tokenizers import Characters

GOAL, GOAL_LARGER = 2.0, 5.0  # the longer the text and the larger the model, the more it saves
# A third of GPT-2's width and half its layers, random: the speed does not depend on what is said.
LARGER = Shape(vocabulary=5000, context=512, layers=6, heads=6, width=384)
COUPLETS, EACH = 500, 4


def measure(repeat: int) -> None:
    """Print the seconds for 100 tokens of the bundled GPT, and for 256 of a larger one."""
    torch.set_num_threads(1)  # as the app answers
    larger = Writer(GPT(LARGER).eval(), Characters("".join(map(chr, range(4999)))))
    for name, writer, prompt, length, goal in (
        ("the bundled GPT", load_bundled(), "Trăm năm trong cõi người ta,", 100, GOAL),
        ("6 layers, width 384", larger, "A" * 64, 256, GOAL_LARGER),
    ):
        race = Race()
        pace(writer, prompt, length=5, use_cache=True)  # the first run of anything is slow
        for _ in range(repeat):
            first, plain, second = (
                length / pace(writer, prompt, length=length, use_cache=cached)
                for cached in (True, False, True)
            )
            race.add(first, plain, second)
        print(f"{name}, {length} tokens")
        race.report("with a cache", plain="reads all anew", ours="reads the new token", goal=goal)


def measure_verses(couplets: int = COUPLETS) -> None:
    """Print how many of the bundled GPT's couplets keep to the form, and what it knows by heart.

    Four couplets a text, which the default settings write from an empty opening; each of another
    seed.
    """
    torch.set_num_threads(1)
    writer = load_bundled()
    found, texts = [], -(-couplets // EACH)
    for seed in range(texts):
        found += read_couplets(write(writer, "", Decoding(seed=seed)))[:EACH]
    result = score(found[:couplets])
    lines = [line.text for c in found[:couplets] for line in (c.six, c.eight)]
    known = sum(copied("\n".join(lines), writer.known)) / len(lines)
    print(f"{result.couplets} couplets of {texts} texts, {Decoding()}")
    print(f"exactly 6 and 8 syllables        {result.counted:6.1%}  (goal: at least 90 %)")
    print(f"level tones where rhymes stand   {result.level:6.1%}  (goal: at least 90 %)")
    print(f"all seven tones                  {result.tones:6.1%}")
    print(f"six's end rhymes with eight      {result.rhymed:6.1%}")
    print(f"eight's end rhymes with the next {result.linked:6.1%}")
    print(f"lines that stand in the poem     {known:6.1%}  (goal: at most 20 %)")
