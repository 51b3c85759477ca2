"""Controls for a topic's Config: built from its fields' own bounds, read back into a Config."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import gradio as gr

from demos.kit.language import localise
from demos.kit.permalink import address
from dlcore.settings import SettingError, Settings

ConfigT = TypeVar("ConfigT", bound=Settings)

_WIDEST_SLIDER = 1_000.0  # past this ratio of bounds a slider cannot be set precisely


class SettingsForm(Generic[ConfigT]):
    """The settings of one tab: those that matter most are shown, the rest sit under *More*.

    topic: prefix of element ids and of the words `<topic>.settings.<field>` (and `<field>_info`).
    config_type: the topic's Config; tutorial: the tutorial's settings, for their button, if any.
    shown: names of the fields that are always visible; hidden: fields that get no control.
    opening: what the page opens with, where that is not config_type() itself.
    part: for a second form on the same tab: ids then begin with `<topic>-<part>-`, the words stand
        at `<topic>.<part>.<field>`, and the address says `<part>_<field>`.
    """

    def __init__(
        self,
        topic: str,
        config_type: type[ConfigT],
        *,
        tutorial: ConfigT | None,
        shown: Sequence[str],
        hidden: Sequence[str] = (),
        opening: ConfigT | None = None,
        part: str = "",
    ) -> None:
        self.config_type = config_type
        self._id = f"{topic}-{part}" if part else topic
        self._words = f"{topic}.{part or 'settings'}"
        self._address = f"{part}_" if part else ""
        self.opening = opening or config_type()
        fields = {f.name: f for f in dataclasses.fields(config_type) if f.name not in hidden}
        self.names = [*shown, *(name for name in fields if name not in (*shown, "seed"))]
        if "seed" in fields:
            self.names.append("seed")
        self.by_name: dict[str, Any] = {}
        with gr.Row(elem_classes="dl-settings"):
            for name in shown:
                self.by_name[name] = self._control(fields[name])
        with localise(
            gr.Accordion(open=False, elem_id=f"{self._id}-more"), label="kit.settings.more"
        ):
            with gr.Row(elem_classes="dl-settings"):
                for name in self.names:
                    if name not in self.by_name:
                        self.by_name[name] = self._control(fields[name])
        with gr.Row(elem_classes="dl-buttons"):
            if tutorial is not None:
                self._preset("tutorial", tutorial)
            self._preset("defaults", config_type())
        named = {self._address + name: control for name, control in self.by_name.items()}
        address.register(topic, named, check=self._check)

    @property
    def components(self) -> list[Any]:
        return [self.by_name[name] for name in self.names]

    def config(self, values: Sequence[Any]) -> ConfigT:
        """The Config for the controls' values, in the order of `names`. Raises SettingError."""
        try:
            return self.config_type(**dict(zip(self.names, values, strict=True)))
        except SettingError as error:
            error.label = f"{self._words}.{error.field}"
            raise

    def values(self, config: ConfigT) -> list[Any]:
        return [getattr(config, name) for name in self.names]

    def _check(self, name: str, value: Any) -> Any:
        field = name.removeprefix(self._address)
        return getattr(self.config_type(**{field: value}), field)

    def _preset(self, name: str, config: ConfigT) -> None:
        button = gr.Button(size="sm", elem_id=f"{self._id}-preset-{name}")
        localise(button, value=f"kit.settings.{name}")
        button.click(
            lambda: self.values(config),
            None,
            self.components,
            api_visibility="private",
            show_progress="hidden",
            queue=False,
        )

    def _control(self, field: Any) -> Any:
        """The control that suits the field: a list, a box to tick, a slider, or a number."""
        low, high, choices = (field.metadata.get(k) for k in ("low", "high", "choices"))
        words = f"{self._words}.{field.name}"
        keys: dict[str, Any] = {"label": words, "info": f"{words}_info"}
        make: type[Any]
        own: dict[str, Any]
        whole = isinstance(field.default, int)
        if field.metadata.get("check"):
            make, own = gr.Textbox, {"max_lines": 1}
        elif choices is not None:
            make, own = gr.Dropdown, {"choices": list(choices)}
            if all(isinstance(choice, str) for choice in choices):
                keys["choices"] = {choice: f"{words}_choices.{choice}" for choice in choices}
        elif isinstance(field.default, bool):
            make, own = gr.Checkbox, {}
        elif field.name == "seed" or low is None or high is None or _too_wide(low, high):
            make, own = gr.Number, {"precision": 0 if whole else None}
        else:
            make, own = gr.Slider, {"minimum": low, "maximum": high}
            own["step"] = 1 if whole else _step(low, high)
        control = make(
            value=getattr(self.opening, field.name),
            elem_id=f"{self._id}-{field.name}",
            interactive=True,
            min_width=150,
            **own,
        )
        return localise(control, **keys)


def _too_wide(low: float, high: float) -> bool:
    return low > 0 and high / low > _WIDEST_SLIDER


def _step(low: float, high: float) -> float:
    """About a hundred positions, each a round number."""
    return 10.0 ** math.floor(math.log10((high - low) / 50))
