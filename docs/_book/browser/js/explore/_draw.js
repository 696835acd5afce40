// Drawing in SVG, in CSS pixels: text has the size of text on a phone as well, and colours are the book's own
// (`var(--c0)` ... `var(--c9)`, `currentColor`), so that dark mode needs nothing.

/** @typedef {{ left: number, top: number, width: number, height: number }} Box */
/** @typedef {number | [number, string]} Tick */

// An element of SVG: `svg("path", {d, stroke: "var(--c0)"})`.
/** @type {(tag: string, attributes?: Record<string, string | number>, ...children: (Node | string)[]) => SVGElement} */
export const svg = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`)
  element.append(...children)
  return element
}

// An element of HTML: `html("button", {type: "button", onclick}, "Reset")`.
/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} properties
 * @param {(Node | string)[]} children
 */
export const html = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag)
  Object.assign(element, properties)
  element.append(...children)
  return element
}

/** @type {(x: number, y: number, string: string, attributes?: Record<string, string | number>) => SVGElement} */
export const text = (x, y, string, attributes = {}) =>
  svg("text", { x: x.toFixed(1), y: y.toFixed(1), ...attributes }, string)

// The `d` of a path through points in pixels; where a number is not finite, the line is interrupted.
/** @type {(xs: ArrayLike<number>, ys: ArrayLike<number>) => string} */
export const path = (xs, ys) => {
  let d = ""
  let pen = "M"
  for (let i = 0; i < xs.length; i++) {
    if (Number.isFinite(ys[i]) && Number.isFinite(xs[i])) {
      d += `${pen}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`
      pen = "L"
    } else pen = "M"
  }
  return d
}

// Axes in a box: `{box: {left, top, width, height}, x: [from, to], y: [from, to], xticks, yticks, xlabel, ylabel}`.
// Ticks are numbers, or pairs [number, string]. Gives `{node, x, y}`: the drawing, and from a value to a pixel.
/**
 * @typedef {{ box: Box, x: [number, number], y: [number, number], xlabel?: string, ylabel?: string }} Plain
 * @typedef {(value: number) => number} Scale
 * @type {(axes: Plain & { xticks?: Tick[], yticks?: Tick[] }) => { node: SVGElement, x: Scale, y: Scale }}
 */
export const axes = ({ box, x, y, xticks = x, yticks = y, xlabel = "", ylabel = "" }) => {
  /** @type {Scale} */
  const across = value => box.left + ((value - x[0]) / (x[1] - x[0])) * box.width
  /** @type {Scale} */
  const up = value => box.top + box.height - ((value - y[0]) / (y[1] - y[0])) * box.height
  const bottom = box.top + box.height
  const node = svg("g", { class: "axes" })
  node.append(
    svg("rect", {
      ...{ x: box.left, y: box.top },
      ...{ width: box.width, height: box.height },
      fill: "none",
      stroke: "var(--grid)",
    }),
  )
  for (const tick of xticks) {
    const [value, label] = Array.isArray(tick) ? tick : [tick, said(tick)]
    node.append(svg("path", { d: `M${across(value).toFixed(1)} ${bottom}v4`, stroke: "var(--grid)" }))
    node.append(text(across(value), bottom + 17, label, { "text-anchor": "middle" }))
  }
  for (const tick of yticks) {
    const [value, label] = Array.isArray(tick) ? tick : [tick, said(tick)]
    node.append(svg("path", { d: `M${box.left} ${up(value).toFixed(1)}h-4`, stroke: "var(--grid)" }))
    node.append(text(box.left - 7, up(value) + 4, label, { "text-anchor": "end" }))
  }
  if (xlabel) node.append(text(box.left + box.width / 2, bottom + 35, xlabel, { "text-anchor": "middle" }))
  // Above the axis and not along it: nobody needs to turn their head.
  if (ylabel) node.append(text(box.left, box.top - 9, ylabel, { "text-anchor": "start" }))
  return { node, x: across, y: up }
}

// A number as the book writes it: a minus sign that is one.
/** @type {(value: number, digits?: number) => string} */
export const said = (value, digits) =>
  (digits === undefined ? `${value}` : value.toFixed(digits)).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212")

const RAISED = [..."\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"]

// A power of ten: 10 with its exponent raised, or 1.
/** @type {(exponent: number) => string} */
export const power = exponent =>
  exponent
    ? `10${exponent < 0 ? "\u207b" : ""}${[...`${Math.abs(exponent)}`].map(digit => RAISED[+digit]).join("")}`
    : "1"

// A size, in two digits, whatever its power of ten: from `long` on, and below 0.001, with the power beside it.
/** @type {(value: number, long?: number) => string} */
export const size = (value, long = 1000) => {
  if (value === 0) return "0"
  if (value >= 0.001 && value < long)
    return value < 1000 ? `${+value.toPrecision(2)}` : Math.round(value).toLocaleString("en")
  const exponent = Math.floor(Math.log10(value))
  return `${(value / 10 ** exponent).toFixed(1)} \u00d7 ${power(exponent)}`
}

// Powers of ten around some values and 1, at least six of them, in steps that leave room for their names.
/** @type {(values: number[]) => { range: [number, number], ticks: Tick[] }} */
export const decades = values => {
  const logs = values.filter(value => value > 0).map(Math.log10)
  const least = Math.min(...logs, 0)
  const low = least > -1 ? -1 : 3 * Math.floor(least / 3)
  const high = Math.max(low + 6, 3 * Math.ceil(Math.max(...logs, 0) / 3))
  const step = [1, 3, 6, 9, 12].find(step => (high - low) / step <= 5) ?? 12
  /** @type {Tick[]} */
  const ticks = []
  for (let exponent = Math.ceil(low / step) * step; exponent <= high; exponent += step)
    ticks.push([exponent, power(exponent)])
  return { range: [low, high], ticks }
}
