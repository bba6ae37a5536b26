"""What must hold for every screen of the patient's page, measured in the browser on both panels."""

from playwright.sync_api import Page, ViewportSize

# Seven-inch panels, both 154 mm wide; the limits are in millimetres because fingers and eyes are.
PANELS: list[ViewportSize] = [{"width": 1024, "height": 600}, {"width": 800, "height": 480}]
PANEL_WIDTH_MM = 154
LEAST_TOUCH_MM = 20
LEAST_TEXT_MM = 7
LEAST_TEXT_PX = 28
LEAST_CONTRAST = 7
MOST_BUTTONS = 2
# On every screen, beside the two of the question.
_ALWAYS = {"call", "hang-up", "volume"}

# What is on the screen and how large it is; contrast by the formula of WCAG 2.2 (1.4.6). A button that can be
# touched is the topmost thing at its middle.
_LOOK = """() => {
  const seen = [...document.querySelectorAll('h1, p, button')].filter((e) => e.offsetParent !== null);
  const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' && e.parentElement ? behind(e.parentElement) : colour;
  };
  return seen.map((e) => {
    const box = e.getBoundingClientRect();
    const [dark, bright] = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => a - b);
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return {
      text: e.textContent.trim(), button: e.tagName === 'BUTTON', id: e.id,
      width: box.width, height: box.height, free: e === top || e.contains(top),
      inside: box.left >= 0 && box.top >= 0 && box.right <= innerWidth + 0.5 && box.bottom <= innerHeight + 0.5,
      whole: e.scrollWidth <= e.clientWidth + 1 && e.scrollHeight <= e.clientHeight + 4,
      seen: !/rgba\\(.*, 0\\)/.test(getComputedStyle(e).color),
      font: parseFloat(getComputedStyle(e).fontSize), contrast: (bright + 0.05) / (dark + 0.05),
    };
  });
}"""


def check(page: Page) -> None:
    """All of it is readable, whole and within reach; only a screen that is off shows no word."""
    assert page.viewport_size is not None
    px_per_mm = page.viewport_size["width"] / PANEL_WIDTH_MM
    seen = page.evaluate(_LOOK)
    off = page.locator("#screen").get_attribute("data-name") == "asleep"
    assert all(element["seen"] != off for element in seen)
    for element in seen:
        assert element["inside"], element
        assert element["font"] >= max(LEAST_TEXT_PX, LEAST_TEXT_MM * px_per_mm), element
        assert off or element["contrast"] >= LEAST_CONTRAST, element
        if element["button"]:
            assert element["free"], element
            assert element["whole"], element
            assert element["width"] >= LEAST_TOUCH_MM * px_per_mm, element
            assert element["height"] >= LEAST_TOUCH_MM * px_per_mm, element
    offered = [e for e in seen if e["button"] and e["id"] not in _ALWAYS]
    assert len(offered) <= MOST_BUTTONS
