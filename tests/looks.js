// What is wrong with how a page looks, as a list of sentences; an expression for a browser.
(() => {
  const numbers = (text) => (text.match(/[\d.]+/g) || []).map(Number);

  // Relative luminance and contrast, as WCAG 2.2 reckons them.
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const contrast = (element, style) => {
    const one = luminance(numbers(style.color).slice(0, 3));
    const other = luminance(behind(element));
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };

  const wrong = [];
  const about = (element) => element.textContent.trim().slice(0, 20) || element.outerHTML;
  for (const element of document.querySelectorAll("body *")) {
    const speaks = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!speaks || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = contrast(element, style);
    if (found < (isLarge ? 3 : 4.5)) wrong.push(`contrast ${found.toFixed(2)}: ${about(element)}`);
  }

  const controls = "button, select, summary, textarea, input:not([type=hidden])";
  for (const element of document.querySelectorAll(controls)) {
    if (!element.checkVisibility()) continue;
    const { width, height } = element.getBoundingClientRect();
    const box = element.type === "checkbox" || element.type === "radio";
    // A box is tapped by its label, which is larger.
    const tapped = box ? element.closest("label").getBoundingClientRect().height : height;
    if (tapped < 40 || width < 20) wrong.push(`too small for a thumb: ${about(element)}`);
  }

  if (document.documentElement.scrollWidth > innerWidth) wrong.push("scrolls sideways");
  return wrong;
})()
