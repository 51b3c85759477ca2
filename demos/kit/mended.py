"""Two scripts of Gradio's that need mending: they ask the server, and hear its answers.

A question that comes while another is on its way waits for it (trigger_mode "always_last"). Gradio
6.31 then asks wrongly, in three ways that a busy machine makes common:
- it sends the data of the event before, so that a drag ends where the hand was a moment ago;
- it asks not what waited but everything that listens to that event, and where two of those wait
  they call each other for ever;
- after an error it does not ask at all.
And as a page opens it looks up every component that can cause an event, twice, for settings that
no event here has: most of a second.

Answers come over a stream that the server closes when nothing is left to answer. A question that it
takes in just then, while the page still thinks the stream open, is answered into the void: the page
has to open another one for it. (A question whose answer came before its number, or that was
cancelled, counts as answered, or that stream would stay open.)

Each mend is one replacement, made once, when the app starts; tests/test_kit.py fails where a newer
Gradio no longer has the text.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import gradio as gr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
_WAITING = "this.queue.has(r.id)&&(this.queue.delete(r.id),this.dispatch(e))"
_NEWEST = (
    "this.queue.delete(r.id)&&this.dispatch({...this.dlNews.get(r.id),type:`fn`,fn_index:r.id})"
)
_FAILED = (
    "c&&this.clear_submission(r.id,c),"
    "o.forEach(e=>{this.dispatch({type:`fn`,fn_index:e,event_data:null,target_id:l})})"
)
_LOOK_UP = "for(let[e]of t.targets)this.set_event_args(e,t.event_args)"
_CLOSED = "if(s.msg===`close_stream`){wt(r,o.abort_controller);return}"
_EARLY = "E in g&&(g[E].forEach(e=>t(e)),delete g[E]),v[E]=t,y.add(E),"
_CANCEL = "async function Ne(){let e={},t={};"
ASKING = {  # what stands there -> what is to stand there
    "if(t===`defer`){this.queue.add(r.id);continue}": (
        "if(t===`defer`){this.queue.add(r.id);(this.dlNews??=new Map).set(r.id,e);continue}"
    ),
    _WAITING: _NEWEST,
    _FAILED: f"{_FAILED},{_NEWEST}",
    _LOOK_UP: f"if(Object.keys(t.event_args).length){_LOOK_UP}",
}

HEARING = {
    _CLOSED: _CLOSED.replace("return", "t.size&&o.open_stream();return"),
    _EARLY: (
        "y.add(E),E in g&&(g[E].forEach(e=>{e.msg===`process_completed`&&y.delete(E),t(e)}),"
        "delete g[E]),v[E]=t,"
    ),
    _CANCEL: _CANCEL.replace("{let", "{y.delete(E);let"),
}
MENDS = {"Blocks-*.js": ASKING, "index-*.js": HEARING}


@cache
def scripts() -> dict[str, str]:
    """Each script's file name and mended text. Raises LookupError if a text is not there."""
    return dict(_mended(pattern, mends) for pattern, mends in MENDS.items())


def _mended(pattern: str, mends: Mapping[str, str]) -> tuple[str, str]:
    for path in sorted(ASSETS.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if all(old in text for old in mends):
            for old, new in mends.items():
                text = text.replace(old, new)
            return path.name, text
    raise LookupError(f"Gradio's {pattern} is another one than this app knows how to mend")


def routes() -> list[Route]:
    """They serve the mended scripts where the page asks for Gradio's."""
    return [_route(name, text) for name, text in scripts().items()]


def _route(name: str, text: str) -> Route:
    def serve(_: Request) -> Response:
        # asked for anew each time: a browser may still hold Gradio's own
        return Response(text, media_type="text/javascript", headers={"cache-control": "no-cache"})

    return Route(f"/assets/{name}", serve)
