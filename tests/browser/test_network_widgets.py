"""The network's picture, the rows as the layers see them and a chart's band, in a real browser.

One page serves all tests of this file; each leaves it as it found it.
"""

import gc
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PHONE, open_page, shared_page
from tests.browser.network_page import network_page

# What Gradio's server does in this process: it leaves a socket open and trips over a new pandas
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),
]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with network_page() as address:
        gc.collect()  # now, and not during somebody else's test
        with shared_page(browser, address) as page:
            page.locator("#net .neurons button").first.wait_for()
            yield page


@pytest.fixture(autouse=True)
def at_rest(page: Page) -> Iterator[None]:
    yield
    page.keyboard.press("Escape")
    page.mouse.move(1, 1)


def neuron(page: Page, column: int, unit: int) -> Locator:
    return page.locator(f'#net .neurons [data-at="{column} {unit}"]')


def told(page: Page) -> Locator:
    return page.locator("#told textarea, #told input")


def middle(page: Page) -> list[int]:
    """The colour in the middle of the large plane."""
    return page.locator("#net .output").evaluate(
        "(c) => [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data]"
    )


def frames_pass(page: Page) -> None:
    page.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


def test_every_neuron_is_a_button_with_a_name(page):
    expect(page.locator("#net .neurons button")).to_have_count(2 + 3 + 1)
    expect(neuron(page, 1, 2)).to_have_attribute("aria-label", "Layer 1, neuron 3")
    expect(page.locator("#net .heads output")).to_have_text("3")


def test_the_output_is_the_largest_thing_and_a_neuron_takes_its_place(page):
    title = page.locator("#net .field .title")
    expect(title).to_have_text("Output of the network")
    red, _, blue, _ = middle(page)
    assert blue > red + 40  # the second class everywhere
    neuron(page, 1, 0).hover()
    expect(title).to_have_text("Layer 1, neuron 1")
    expect(page.locator("#net .tip")).to_have_text("Layer 1, neuron 1 · bias 0.5")
    frames_pass(page)
    grey = middle(page)
    assert abs(grey[0] - grey[2]) < 12  # that neuron is zero everywhere


def test_pointing_at_the_plane_reads_the_networks_own_number(page):
    box = page.locator("#net .output").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    expect(page.locator("#net .tip")).to_have_text("(0.5; 0.5): yes 100%")


def test_a_wire_is_found_at_its_place_and_tells_its_weight(page):
    start, end = (neuron(page, *place).bounding_box() for place in ((0, 0), (1, 0)))
    x = start["x"] + start["width"] + 4  # wires leave their source together; this one goes up
    page.mouse.move(x, start["y"] + start["height"] / 2)
    expect(page.locator("#net .tip")).to_contain_text("x₁ → Layer 1, neuron")
    page.mouse.move(end["x"] - 3, end["y"] + end["height"] * 0.23)
    expect(page.locator("#net .tip")).to_have_text("x₁ → Layer 1, neuron 1: 1.5")
    page.mouse.move(end["x"] - 3, end["y"] + end["height"] * 0.77)
    expect(page.locator("#net .tip")).to_have_text("x₂ → Layer 1, neuron 1: -0.5")


def test_a_bias_is_set_with_enter_and_the_answer_is_shown(page):
    neuron(page, 1, 1).click()
    inputs = page.locator("#net .editor input")
    expect(inputs).to_have_count(3)  # the bias, x₁, x₂
    expect(inputs.nth(0)).to_be_focused()
    assert [field.input_value() for field in inputs.all()] == ["-0.25", "0.25", "2"]
    inputs.nth(0).fill("0,75")
    inputs.nth(0).press("Enter")
    expect(told(page)).to_have_value("(0, 1, None, 0.75)")
    inputs.nth(2).fill("-1.5")
    inputs.nth(2).press("Enter")
    expect(told(page)).to_have_value("(0, 1, 1, -1.5)")
    inputs.nth(1).fill("lots")
    inputs.nth(1).press("Enter")
    expect(inputs.nth(1)).to_have_attribute("aria-invalid", "true")
    expect(told(page)).to_have_value("(0, 1, 1, -1.5)")
    page.keyboard.press("Escape")
    expect(page.locator("#net .editor")).to_be_hidden()
    neuron(page, 1, 1).hover()
    expect(page.locator("#net .tip")).to_have_text("Layer 1, neuron 2 · bias -0.25")


def test_a_wire_clicked_can_be_stepped_and_cut(page):
    box = neuron(page, 1, 0).bounding_box()
    page.mouse.click(box["x"] - 3, box["y"] + box["height"] * 0.23)
    expect(page.locator("#net .editor h4")).to_have_text("x₁ → Layer 1, neuron 1")
    page.locator("#net .editor .more").click()
    expect(told(page)).to_have_value("(0, 0, 0, 1.6)")
    page.locator("#net .editor .none").click()
    expect(told(page)).to_have_value("(0, 0, 0, 0.0)")
    expect(page.locator("#net .editor input")).to_have_value("0")


def test_neurons_are_reached_and_opened_by_keys(page):
    neuron(page, 0, 0).focus()
    page.keyboard.press("ArrowRight")
    expect(neuron(page, 1, 0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(neuron(page, 1, 1)).to_be_focused()
    expect(page.locator("#net .neurons [tabindex='0']")).to_have_count(1)
    expect(page.locator("#net .field .title")).to_have_text("Layer 1, neuron 2")
    page.keyboard.press("Enter")
    expect(page.locator("#net .editor input").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(neuron(page, 1, 1)).to_be_focused()
    page.evaluate("document.activeElement.blur()")


def test_the_past_can_be_seen_and_not_changed(page):
    slider = page.locator("#timeline input")
    slider.focus()
    slider.press("Home")
    frames_pass(page)
    red, _, blue, _ = middle(page)
    assert red > blue + 40  # the first class everywhere
    neuron(page, 1, 0).click()
    expect(page.locator("#net .editor input").first).to_be_disabled()
    expect(page.locator("#net .editor .hint")).to_contain_text("earlier moment")
    page.locator("#net .editor .shut").click()
    page.locator("#timeline .now").click()


def test_points_are_switched_off_by_their_part(page):
    ink = """(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data
      .reduce((sum, v, i) => sum + (i % 4 === 3 && v > 0 ? 1 : 0), 0)"""
    points = page.locator("#net .points")
    before = points.evaluate(ink)
    held = page.locator("#net .legend button").nth(1)
    expect(held).to_have_text("Held out (1)")
    held.click()
    frames_pass(page)
    assert points.evaluate(ink) < before
    held.click()
    frames_pass(page)
    assert points.evaluate(ink) == before


def test_a_row_is_found_in_every_plane(page):
    planes = page.locator("#scatter figure canvas")
    expect(planes).to_have_count(2)
    expect(page.locator("#scatter figcaption")).to_have_text(["Inputs", "Layer 1"])
    planes.first.scroll_into_view_if_needed()
    box = planes.first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#scatter .told")).to_have_text("Row 5: yes")
    page.mouse.move(1, 1)
    expect(page.locator("#scatter .told")).to_have_text("")
    planes.nth(1).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#scatter .told")).to_have_text("Row 4: no")
    legend = page.locator("#scatter .legend button").first
    legend.click()
    planes.nth(1).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#scatter .told")).to_have_text("Row 5: yes")  # no row of "no" any more
    legend.click()


def test_a_curve_with_low_and_high_is_one_line_with_a_band(page):
    expect(page.locator("#chart .bands path")).to_have_count(1)
    expect(page.locator("#chart .live path")).to_have_count(1)
    expect(page.locator("#chart .curve")).to_have_count(1)
    chart = page.locator("#chart svg")
    chart.focus()
    chart.press("End")
    expect(page.locator("#chart .tip .value")).to_have_text("87.5% (75% – 100%)")
    band = page.locator("#chart .bands path").bounding_box()
    line = page.locator("#chart .live path").bounding_box()
    assert band["height"] > line["height"] > 20


def test_ribbon_has_a_part_a_gap_apart(page):
    got = page.evaluate("""async () => {
      const { ribbon } = await import(new URL("dl/scales.js", document.baseURI));
      const low = [[0, 1], [1, 2], [2, NaN], [3, 4], [4, 5]];
      return ribbon(low, [[0, 3], [1, 3], [2, 3], [3, 9], [4, 9]]);
    }""")
    assert got == "M0.0,1.0L1.0,2.0L1.0,3.0L0.0,3.0ZM3.0,4.0L4.0,5.0L4.0,9.0L3.0,9.0Z"


def test_a_small_network_costs_less_than_its_lines_drawn_over_the_whole_picture(page):
    """2-8-8-1, wires and neurons, beside 88 curves from side to side; the best of many each."""
    network, lines = page.evaluate("""async () => {
      const at = (name) => import(new URL(`dl/${name}.js`, document.baseURI));
      const [wires, { layoutOf }, { colours }] =
        await Promise.all([at("network_wires"), at("network_layout"), at("common")]);
      const sizes = [2, 8, 8, 1];
      const layout = layoutOf({ width: 1200, sizes, more: 0, plane: true, editable: true,
        names: ["x", "y"], classes: ["0", "1"] });
      const random = (n) => Float32Array.from({ length: n }, () => Math.random() * 4 - 2);
      const weights = [16, 64, 8].map((n, i) =>
        ({ shape: [sizes[i + 1], sizes[i]], data: random(n) }));
      const decoded = { weights, biases: [8, 8, 1].map((n) => ({ shape: [n], data: random(n) })),
        fields: { shape: [17, 24, 24], data: new Uint8Array(17 * 576).fill(90) } };
      const [canvas, sheet] = [document.createElement("canvas"), document.createElement("canvas")];
      const palette = colours(document.querySelector(".dl-network"));
      const best = (draw) => Math.min(...Array.from({ length: 30 }, () => {
        const begun = performance.now();
        draw().getImageData(0, 0, 1, 1); // waits until all is drawn
        return performance.now() - begun;
      }));
      const network = best(() => {
        const context = wires.sharp(canvas, layout.full, layout.height);
        wires.drawWires(context, layout, weights, palette);
        wires.atlas(sheet, decoded.fields);
        wires.drawNeurons(context, layout,
          { decoded, sheet, colours: palette, active: null, view: [0, 1, 0, 1] });
        return context;
      });
      const plain = document.createElement("canvas");
      const lines = best(() => {
        const context = wires.sharp(plain, layout.full, layout.height);
        context.lineWidth = 3;
        for (let i = 0; i < 88; i += 1) {
          context.beginPath();
          context.moveTo(0, (i * layout.height) / 88);
          context.bezierCurveTo(300, 0, 900, layout.height, layout.full, (i * 37) % layout.height);
          context.stroke();
        }
        return context;
      });
      return [network, lines];
    }""")
    assert network < lines


def test_units_and_layers_are_asked_for_and_shown_at_once(page):
    more = page.locator("#net .more").first
    more.click()
    more.click()  # before the answer to the first came
    expect(told(page)).to_have_value("[5]")
    expect(page.locator("#net .neurons button")).to_have_count(2 + 5 + 1)
    page.locator("#net .insert").nth(1).click()
    expect(told(page)).to_have_value("[5, 5]")
    page.locator("#net .less").nth(0).click()
    expect(told(page)).to_have_value("[4, 5]")
    page.locator("#net .remove").nth(1).click()
    expect(told(page)).to_have_value("[4]")
    page.locator("#net .remove").click()
    expect(told(page)).to_have_value("[]")
    expect(page.locator("#net .neurons button")).to_have_count(2 + 1)


def test_on_a_phone_the_picture_stays_inside_the_screen(browser, page, noise):
    phone = open_page(browser, page.url, noise, **PHONE)
    phone.locator("#net .neurons button").first.wait_for()
    frames_pass(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    field, net = (phone.locator(f"#net {part}").bounding_box() for part in (".output", ".scroller"))
    assert field["y"] > net["y"] + net["height"] - 1  # the plane stands below the network
    neuron(phone, 1, 0).tap()
    expect(phone.locator("#net .editor")).to_be_visible()
    expect(phone.locator("#net .editor input").first).not_to_be_focused()  # no keyboard yet
    phone.context.close()
