"""Deep learning, live: parse flags, build, launch. Try `python app.py --help`."""

import argparse
import gc
import importlib.util


def main() -> None:
    parser = argparse.ArgumentParser(description="Learn deep learning by doing it, in a browser.")
    # Without --host and --port Gradio asks GRADIO_SERVER_NAME and _PORT, which Spaces sets.
    parser.add_argument("--host", help="0.0.0.0 lets others in (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="a fixed port (default: the first free from 7860)")
    parser.add_argument("--mcp", action="store_true", help="offer the tabs to language models too")
    flags = parser.parse_args()
    if flags.mcp and importlib.util.find_spec("mcp") is None:
        parser.error('--mcp needs one more package: pip install "gradio[mcp]==6.31.0"')

    gc.disable()  # all that is made while starting stays; looking for garbage costs half a second
    # Here and not above: worker processes import this file again, and need no web server.
    from demos import build_app, launch
    from dlcore.jobs import warm_up

    app = build_app()
    launch(app, host=flags.host, port=flags.port, mcp=flags.mcp, block=False)
    gc.freeze()
    gc.enable()
    warm_up()  # after the first page can be answered: workers take seconds to load torch
    app.block_thread()


if __name__ == "__main__":
    main()
