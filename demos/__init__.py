"""The browser side: `TABS` is the order of the tabs, `build_app` the app, `launch` its server."""

import importlib
import os
from typing import Any

# Both are read once, when gradio and torch are imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # else it looks up hosts on the network
# Threads that wait for work sleep instead of spinning: a drawn digit is then read in a millisecond
# also while workers train on the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from demos.kit import mended, shell, training
from demos.kit.early import EarlyScript
from demos.kit.language import LOCALES, book, localise
from demos.kit.permalink import address
from demos.widgets.base import FOLDER, STATIC_URL
from dlcore.device import answer_on_one_core

# The order is fixed: perceptron, mlp, cnn, transfer, lstm, gan, vae, attention, resnet, gpt.
TABS = (
    "perceptron", "mlp", "cnn", "transfer", "lstm", "gan", "vae", "attention", "resnet", "gpt",
)  # fmt: skip

MAX_UPLOAD = "5mb"
OPEN_PAGES = 500  # sessions whose state is kept; the least used goes first


def build_app() -> gr.Blocks:
    """Every tab of TABS in one page. Loads no weights, and neither transformers nor torchvision."""
    for registry in (book, address):
        registry.clear()
    training.offers.clear()
    with shell.App(
        title="Deep learning, live",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(600, 3600),
    ) as app:
        header = shell.Header()
        with gr.Tabs(elem_id="dl-topics") as tabs:
            for topic in TABS:
                page = importlib.import_module(f"demos.{topic}")
                with localise(
                    gr.Tab(id=topic, elem_id=f"tab-{topic}"), label=f"{topic}.title"
                ) as tab:
                    page.build()
                shell.follow_tab(tab, topic)
        header.connect(app, tabs, TABS)
        header.quieten(app)
    return app


def launch(
    app: gr.Blocks,
    *,
    host: str | None = None,
    port: int | None = None,
    mcp: bool = False,
    block: bool = True,
    quiet: bool = False,
) -> Any:
    """Serve the app. block=False returns at once; what gradio's launch returns is passed on."""
    answer_on_one_core()
    words = Mount(f"/{STATIC_URL}/locales", StaticFiles(directory=LOCALES))
    files = Mount(f"/{STATIC_URL}", StaticFiles(directory=FOLDER))
    early = Middleware(EarlyScript, script=shell.first_script())
    return app.launch(
        server_name=host,
        server_port=port,
        mcp_server=mcp,
        prevent_thread_lock=not block,
        quiet=quiet,
        theme=shell.theme(),
        css=shell.css(),
        app_kwargs={"routes": [words, files, *mended.routes()], "middleware": [early]},
        max_file_size=MAX_UPLOAD,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        state_session_capacity=OPEN_PAGES,
        footer_links=["api"],
    )
