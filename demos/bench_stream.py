"""What a page that watches a training is sent, how much of it is painted, and how soon.

`python -m dlcore bench stream` opens a browser on the VAE and then on the GAN, trains with the
defaults, and stops after half a minute. The page itself keeps the account: every piece of its event
stream is counted as it arrives, and every picture when the canvas that shows it is painted. The
server's clock is in each message (the seconds that the run has taken); the page's own is set by it
with the message that was quickest, so "behind" counts from when the server spoke to the paint. How
many pictures a loaded machine manages says little, so the processor time that one costs is told,
too: the training keeps a core busy, and the rest of the machine is what pictures are made with.
"""

import statistics
from dataclasses import dataclass
from typing import Any

import psutil

SECONDS = 30.0
GOAL_RATE, GOAL_MB, RUN_S = 5.0, 5.0, 120.0  # pictures a second; of a run of two minutes
_START_MS = 120_000
_SIDES = ("browser", "server")
# Which decoded sheets are the live picture (pixels across, also when halved), and where it is shown
_LIVE = {"vae": ((140, 70), "#vae-live"), "gan": ((448, 224), "#gan-samples")}
_ACCOUNT = """
window.account = { bytes: 0, pictures: 0, told: [], sent: {}, painted: {} };
const account = window.account;
let place = "", widths = [], newest = null;
window.accountFor = (selector, across) => {
  [place, widths] = [selector, across];
  Object.assign(account, { bytes: 0, pictures: 0, told: [], sent: {}, painted: {} });
};
const ask = window.fetch;
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (!String(request[0]?.url ?? request[0]).includes("queue/data")) return answer;
  const [page, copy] = answer.body.tee();
  read(copy.getReader());
  return new Response(page, { status: answer.status, headers: answer.headers });
};
async function read(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    account.bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
    const messages = text.split("\\n\\n");
    text = messages.pop();
    messages.forEach(hear);
  }
}
function hear(message) {
  const step = message.match(/\\["replace",\\s*\\["step"\\],\\s*(\\d+)\\]/);
  const clock = message.match(/\\["replace",\\s*\\["elapsed_s"\\],\\s*([\\d.]+)\\]/);
  if (!step || !clock) return;
  account.told.push([performance.now() / 1000, Number(clock[1])]);
  account.pictures += message.includes("data:image/webp");
  for (const [url] of message.matchAll(/data:image\\/webp;base64,[^"]+/g)) {
    account.sent[url] ??= { clock: Number(clock[1]) };
  }
}
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = function () {
  return decode.call(this).then(() => {
    if (!widths.includes(this.naturalWidth)) return;
    newest = this.src;
  });
};
for (const name of ["putImageData", "drawImage"]) {
  const paint = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...what) {
    if (newest && place && this.canvas.closest(place)) {
      account.painted[newest] ??= performance.now() / 1000;
    }
    return paint.apply(this, what);
  };
}
"""


@dataclass(frozen=True)
class Account:
    """What the page says of a stretch of a run.

    seconds: its length; sent: live pictures that came; told: (page's clock, server's clock) of
    every message; painted: the same of each picture painted, a newer one may have come before it
    was; browser, server: seconds of processor time that they took, the training's own left out.
    """

    seconds: float
    bytes: int
    told: list[tuple[float, float]]
    sent: int
    painted: list[tuple[float, float]]
    browser: float
    server: float

    @property
    def rate(self) -> float:
        """Pictures painted a second."""
        return len(self.painted) / self.seconds

    @property
    def megabytes(self) -> float:
        """What a run of two minutes sends if it goes on like this."""
        return self.bytes / self.seconds * RUN_S / 1e6

    def behind(self) -> list[float]:
        """Seconds from the server's word to the paint, of each picture painted, in order."""
        ahead = max(server - page for page, server in self.told)  # the quickest message
        return [page + ahead - server for page, server in sorted(self.painted)]


def report(topic: str, account: Account) -> None:
    """Print an account."""
    late = account.behind()
    print(
        f"{topic:<4} {account.rate:4.1f} pictures a second painted (goal: at least {GOAL_RATE:g}), "
        f"{len(account.painted)} of {account.sent} that came"
    )
    if late:
        end = statistics.median(late[-len(late) // 4 :])
        middle, worst = statistics.median(late), sorted(late)[int(0.95 * (len(late) - 1))]
        print(
            f"     behind the server by {middle * 1e3:.0f} ms, 95th percentile {worst * 1e3:.0f} ms"
            f"; in the last quarter {end * 1e3:.0f} ms"
        )
        browser, server = (t / len(late) * 1e3 for t in (account.browser, account.server))
        print(
            f"     one costs {browser:.0f} ms of processor time in the browser and {server:.0f} ms "
            f"in the server: at most {1e3 / (browser + server):.0f} a second on a core of their own"
        )
    print(
        f"     two minutes send {account.megabytes:.1f} MB (goal: at most {GOAL_MB:g}; "
        f"{account.bytes / 1e6:.2f} MB in {account.seconds:.0f} s)"
    )


def watch(url: str, repeat: int, seconds: float = SECONDS) -> None:
    """Train both topics of an app in a browser, `repeat` times each, and print the accounts."""
    from playwright.sync_api import sync_playwright

    from tests.chromium import find

    chromium = find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for _ in range(repeat):
            for topic in _LIVE:
                window = browser.new_page(viewport={"width": 1280, "height": 900})
                window.set_default_timeout(_START_MS)
                window.add_init_script(_ACCOUNT)
                window.goto(f"{url}?tab={topic}")
                report(topic, _trained(window, topic, seconds))
                window.close()
        browser.close()


def _spent(kind: str) -> float:
    """Seconds of processor time so far of what this program started: "browser" or "server"."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            line, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        if ("--type=" in line or "chrom" in line) if kind == "browser" else "app.py" in line:
            seconds += times.user + times.system
    return seconds


def _trained(window: Any, topic: str, seconds: float) -> Account:
    """A stretch of a training in an open page, which is then stopped."""
    widths, place = _LIVE[topic]
    window.click(f"#{topic}-section-train-button")
    window.wait_for_selector(f"#{topic}-train:not([disabled])")
    window.wait_for_timeout(2_000)  # what the tab shows by itself is not the run's
    window.evaluate("([place, widths]) => window.accountFor(place, widths)", [place, list(widths)])
    window.click(f"#{topic}-train")
    window.wait_for_function("() => window.account.told.length > 1")
    begun, before = window.evaluate("() => performance.now()"), [*map(_spent, _SIDES)]
    window.wait_for_timeout(1e3 * seconds)
    found = window.evaluate("() => ({ ...window.account, now: performance.now() })")
    browser, server = (_spent(side) - t for side, t in zip(_SIDES, before, strict=True))
    window.click(f"#{topic}-stop")
    window.wait_for_selector(f"#{topic}-train:not([disabled])")
    sent = {name: one["clock"] for name, one in found["sent"].items()}
    return Account(
        seconds=(found["now"] - begun) / 1e3,
        bytes=found["bytes"],
        told=[tuple(pair) for pair in found["told"]],
        sent=found["pictures"],
        painted=[(at, sent[name]) for name, at in found["painted"].items() if name in sent],
        browser=browser,
        server=server,
    )
