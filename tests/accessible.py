"""What of a page in a browser cannot be read, has no name, or cannot be reached by keyboard: `import accessible`.

Colours are those that Chromium computes: alpha and opacity are blended over whatever lies behind.
"""

from __future__ import annotations

from typing import Any

_BLEND = """
  const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const rgba = (text) => { const [r, g, b, a = 1] = numbers(text); return [r, g, b, text.includes('color(') ? 1 : a]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (e) => {
    const layers = [];
    for (let it = e; it; it = it.parentElement) {
      const style = getComputedStyle(it);
      if (style.backgroundImage !== 'none') return null;  // not one colour
      const layer = rgba(style.backgroundColor);
      if (layer[3]) layers.push(layer);
      if (layer[3] === 1) break;
    }
    const ground = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return layers.reverse().reduce((below, top) => over(top, below), ground);
  };
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => [0, 1, 2].map((i) => linear(c[i] / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + .05) / (y + .05);
  };
  const seen = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getClientRects().length;
  const exempt = (e) => e.closest('.unseen, [disabled], [aria-disabled=true]');
"""

_FAINT = (
    "() => {"
    + _BLEND
    + """
  const opacity = (e) => { let o = 1; for (let it = e; it; it = it.parentElement) o *= +getComputedStyle(it).opacity;
    return o; };
  const found = [];
  const judge = (e, style, words) => {
    const ground = behind(e);
    if (!ground) return;
    const ink = rgba(style.color);
    ink[3] *= opacity(e);
    const size = parseFloat(style.fontSize), big = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = contrast(over(ink, ground), ground);
    if (ratio < (big ? 3 : 4.5) - .005)
      found.push([ratio.toFixed(2), words.trim().slice(0, 40), e.outerHTML.slice(0, 120)]);
  };
  let judged = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const words = walk.currentNode.data, e = walk.currentNode.parentElement;
    if (!words.trim() || !seen(e) || exempt(e) || e.closest('script, style, noscript, title')) continue;
    judged += 1;
    judge(e, getComputedStyle(e), words);
  }
  for (const e of document.querySelectorAll('input:not([type=checkbox], [type=radio]), textarea')) {
    if (!seen(e) || exempt(e)) continue;
    if (e.value) judge(e, getComputedStyle(e), e.value);
    else if (e.placeholder) judge(e, getComputedStyle(e, '::placeholder'), e.placeholder);
  }
  return {found, judged};
}"""
)

CONTROLS = "a[href], button, input, select, textarea, summary, video[controls], [tabindex='0'], [role=tab]"

_NAMELESS = f"""() => [...document.querySelectorAll("{CONTROLS}")].filter((e) => {{
  if (!e.checkVisibility({{opacityProperty: true, visibilityProperty: true}}) || e.type === 'hidden') return false;
  const by = (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent);
  const inside = [...e.querySelectorAll('img[alt], [aria-label]')].map((it) => it.alt || it.ariaLabel);
  const isField = ['INPUT', 'TEXTAREA', 'SELECT'].includes(e.tagName);
  const names = [e.ariaLabel, e.title, ...by, ...[...e.labels || []].map((l) => l.textContent), ...inside,
    isField || e.tagName === 'VIDEO' ? '' : e.textContent, e.tagName === 'PRE' ? e.textContent : ''];
  return !names.some((name) => name && name.trim());
}}).map((e) => e.outerHTML.slice(0, 160))"""

_STYLES = """(e) => {
  const looks = [];
  for (let it = e, up = 0; it && up < 4; it = it.parentElement, up += 1) {
    for (const one of up ? [it] : [it, ...(it.labels || [])]) {
      const s = getComputedStyle(one);
      looks.push([s.outlineStyle === 'none' || !parseFloat(s.outlineWidth) ? '' : s.outlineColor + s.outlineWidth,
        s.boxShadow, s.borderColor, s.borderWidth, s.backgroundColor, s.textDecoration].join('|'));
    }
  }
  return looks.join('\\n');
}"""

_FROM_THE_TOP = """() => {
  const start = document.body.insertAdjacentElement('afterbegin', document.createElement('i'));
  start.tabIndex = -1;
  start.focus();
  start.remove();
}"""

_NEXT = (
    "() => { const styles = "
    + _STYLES
    + """; const e = document.activeElement;
  if ((e?.tagName === 'VIDEO' || e?.type === 'date') && e.dataset.wasFocused) return [true, ''];  // its own controls
  if (!e || e === document.body || e.dataset.wasFocused) return null;
  e.dataset.wasFocused = '1';
  const focused = styles(e);
  e.blur();
  const plain = styles(e);
  e.focus({focusVisible: true, preventScroll: true});
  return [focused !== plain || e.tagName === 'VIDEO', e.outerHTML.slice(0, 160)];  // a video's are the browser's own
}"""
)

_MISSED = f"""() => [...document.querySelectorAll("{CONTROLS}")].filter((e) => {{
  const box = e.getBoundingClientRect();
  if (!e.checkVisibility({{opacityProperty: true, visibilityProperty: true}})) return false;
  if (box.width < 2 || box.height < 2) return false;
  if (e.disabled || e.dataset.wasFocused || e.type === 'hidden' || e.tabIndex < 0) return false;
  const group = e.type === 'radio' && document.getElementsByName(e.name);
  return !(group && [...group].some((other) => other.dataset.wasFocused));  // arrows lead to the others
}}).map((e) => e.outerHTML.slice(0, 160))"""


def faint(page: Any) -> list[tuple[str, str, str]]:
    """Texts below WCAG AA: contrast, words, element."""
    told = page.evaluate(_FAINT)
    assert told["judged"] > 10, "hardly any text to judge"
    return [tuple(one) for one in told["found"]]


def nameless(page: Any) -> list[str]:
    """Controls without a name for those who do not see them."""
    return page.evaluate(_NAMELESS)


def unreachable(page: Any, most: int = 300) -> list[str]:
    """Controls that Tab does not lead to, and those that look the same when it does."""
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate("document.querySelectorAll('[data-was-focused]').forEach(e => delete e.dataset.wasFocused)")
    page.evaluate(_FROM_THE_TOP)
    problems = []
    for _ in range(most):
        page.keyboard.press("Tab")
        told = page.evaluate(_NEXT)
        if told is None:  # the end, or a long list of options that was open, had the focus and is gone
            page.keyboard.press("Tab")
            told = page.evaluate(_NEXT)
        if told is None:
            break
        if not told[0]:
            problems.append(f"no visible focus: {told[1]}")
    return problems + [f"not reached: {one}" for one in page.evaluate(_MISSED)]
