// The frame of an explorable. A chapter marks a figure with it,
//
//     ![What one sees.](paths.svg){ data-explore="symmetry" }
//
// (or wraps one in `<div data-explore="symmetry" markdown>`; with `data-play`, it opens and plays when it is first seen,
// and again after each choice), and `explore/symmetry.js` says what can be explored:
//
//     export default {
//       title: "Four units while they train",  // names the drawing for those who do not see it
//       controls: [
//         // A slider. `show` writes its value, for eyes and screen readers alike. `view: true`: it changes what is
//         // shown and not what is computed. `play: true` (one control, a view or quick to compute): a button that runs it
//         // to its end.
//         { name: "step", label: "Step", min: 0, max: 1000, step: 10, value: 1000, view: true, play: true },
//         { name: "scale", label: "Scale", min: -4, max: 1, step: 0.25, value: -2, show: v => `10^${v}` },
//         // A choice: a <select>, or with `side: true` buttons side by side. `when`: only offered with some settings.
//         { name: "start", label: "Start", options: { zero: "all zero", random: "random" }, value: "zero" },
//         { name: "seed", label: "Seed", min: 0, max: 99, value: 0, when: settings => settings.start === "random" },
//       ],
//       async ready() {},                    // optional: before the first drawing, say to load the kernel
//       compute(settings) { return ... },    // the numbers; not called again while only `view` controls move
//       height: (width, settings) => width * 0.6,  // of the drawing, in CSS pixels; this is the default
//       draw(state, settings, { width, height }) { return [...] },  // children of the <svg>, see _draw.js
//       pick(settings, { x, y }, size) { return { scale: 2 } },  // optional: what a press there sets, if anything
//       says(state, settings) { return "One or two sentences." },   // what the picture shows, for who cannot see it
//       code(settings) { return "..." },     // Python for a plain session with shallownet ...
//       numbers(state, settings) { return { W1: [[...]], loss: 0.3 } },  // ... that gives these names these values
//                                            // or { NumPy: "...", PyTorch: "..." }: the first of them gives the numbers
//     }
//
// `settings` is a plain object, {start: "zero", step: 40}. What the frame does with it: one animation frame a drawing;
// the address holds what differs from the defaults, `?symmetry=start:zero,step:40`, and restores it; the sentences, the
// code and the numbers (`data-numbers`, JSON) follow a fifth of a second after the last move. The element has
// `data-state` "ready" when they are up to date and "moving" before that.

import { html, svg } from "./_draw.js"

/** @import { Choice, Control, Explorable, Settings, Slider } from "../types" */

const SETTLED = 200 // ms without a move, after which sentences are read out: while a slider moves they would pile up
const SAID = 250 // ms between two sentences while it plays
const RUN = 5000 // ms from one end of a slider to the other

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches

// Settings as they stand in an address; whatever does not fit is left at its default.
/** @type {(controls: Control[], written: string | null) => Settings} */
export const parse = (controls, written) => {
  const settings = Object.fromEntries(controls.map(control => [control.name, control.value]))
  for (const part of (written ?? "").split(",")) {
    const [name, value] = part.split(":")
    const control = controls.find(control => control.name === name)
    if (control?.options && Object.hasOwn(control.options, value)) settings[name] = value
    if (control && !control.options && value && Number.isFinite(+value)) settings[name] = fitted(control, +value)
  }
  return settings
}

/** @type {(controls: Control[], settings: Settings) => string} */
export const written = (controls, settings) =>
  controls
    .filter(({ name, value }) => settings[name] !== value)
    .map(({ name }) => `${name}:${settings[name]}`)
    .join(",")

/** @type {(slider: Slider, value: number) => number} */
const fitted = ({ min, max, step = 1 }, value) => {
  const steps = Math.round((Math.min(Math.max(value, min), max) - min) / step)
  return +(min + steps * step).toFixed(9) // 0.1 * 3 is not 0.3
}

// `come`: by the button; by a link with settings, which leads here; back to a page that was left; or because it is seen.
/** @type {(host: HTMLElement, name: string, explorable: Explorable<any, any>, come: "pressed" | "linked" | "back" | "seen") => Promise<void>} */
export const open = async (host, name, explorable, come) => {
  await explorable.ready?.()
  const {
    controls,
    compute,
    draw,
    pick,
    says,
    code,
    numbers,
    title,
    height = (/** @type {number} */ w) => w * 0.6,
  } = explorable
  const page = location.pathname
  const settings = parse(controls, new URLSearchParams(location.search).get(name))
  /** @type {unknown} */
  let state
  /** @type {string | undefined} */
  let key
  /** @type {number | undefined} */
  let frame
  /** @type {number | undefined} */
  let timer
  let size = { width: 0, height: 0 } // of the drawing
  let running = 0 // the frame that is asked for while it plays
  let said = 0 // when the sentence last changed while it played

  const drawing = svg("svg", { role: "img", "aria-label": title, class: "explorable__drawing" })
  const picture = html("div", { className: "explorable__picture" }, drawing)
  const sentence = html("p", { className: "explorable__says", ariaLive: "polite" })
  const listing = html("code", { tabIndex: 0 }) // it scrolls
  /** @type {() => Record<string, string>} */
  const listings = () => {
    const written = code(settings)
    return typeof written === "string" ? { Python: written } : written
  }
  const languages = Object.keys(listings())
  const language = radios({
    name: "language",
    label: "Code for",
    options: Object.fromEntries(languages.map(name => [name, name])),
    value: languages[0],
  })
  const list = () => {
    listing.textContent = listings()[language.value]
  }
  language.addEventListener("input", list)
  const inputs = controls.map(control => input(control))
  const player = /** @type {Slider | undefined} */ (controls.find(control => control.play))
  const play = html("button", { type: "button", className: "explorable__play", textContent: "Play", onclick: run })
  const reset = html("button", { type: "button", textContent: "Reset", onclick: restore })
  const copy = html("button", { type: "button", textContent: "Copy", onclick: copied })
  const frameElement = html(
    "div",
    { className: "explorable__frame", role: "group", ariaLabel: `Explore: ${title}` },
    html("div", { className: "explorable__controls" }, ...inputs.map(({ row }) => row)),
    html("div", { className: "explorable__buttons" }, ...(player ? [play] : []), reset),
    picture,
    sentence,
    html(
      "details",
      { className: "explorable__code" },
      html("summary", {}, "Show the code"),
      html("div", {}, ...(languages.length > 1 ? [language] : []), copy, html("pre", {}, listing)),
    ),
  )

  /** @param {Control} control */
  function input(control) {
    const { label, options } = control
    const element = control.options
      ? control.side
        ? radios(control)
        : html(
            "select",
            {},
            ...Object.entries(control.options).map(([value, label]) => html("option", { value }, label)),
          )
      : html("input", { type: "range", min: control.min, max: control.max, step: control.step ?? 1 })
    element.name = control.name
    const shown = html("span", { className: "explorable__value", ariaHidden: "true" })
    const row =
      element instanceof HTMLFieldSetElement
        ? element
        : html("label", {}, html("span", {}, label), element, ...(options ? [] : [shown]))
    element.addEventListener("input", () => {
      stop()
      settings[control.name] = control.options ? element.value : fitted(control, +element.value)
      if (control.options && player && "play" in host.dataset && !still()) {
        settings[player.name] = player.min
        run()
      } else schedule()
    })
    return { control, element, shown, row }
  }

  // Put the settings into the controls.
  function place() {
    for (const { control, element, shown, row } of inputs) {
      const value = settings[control.name]
      if (element.value !== `${value}`) element.value = `${value}`
      row.hidden = !(control.when?.(settings) ?? true)
      if (control.options) continue
      shown.textContent = control.show?.(+value) ?? `${value}`
      if (control.show) element.setAttribute("aria-valuetext", control.show(+value))
    }
  }

  function schedule() {
    host.dataset.state = "moving"
    frame ??= requestAnimationFrame(show)
  }

  function show() {
    frame = undefined
    if (!host.isConnected) return
    const asked = JSON.stringify(controls.filter(({ view }) => !view).map(({ name }) => settings[name]))
    if (asked !== key) state = compute({ ...settings })
    key = asked
    const width = picture.clientWidth
    size = { width, height: Math.round(height(width, settings)) }
    drawing.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`)
    drawing.setAttribute("width", `${size.width}`)
    drawing.setAttribute("height", `${size.height}`)
    drawing.replaceChildren(...draw(state, settings, size))
    place()
    if (running && performance.now() - said > SAID) {
      sentence.textContent = says(state, settings)
      said = performance.now()
    }
    clearTimeout(timer)
    timer = setTimeout(settle, SETTLED)
  }

  function settle() {
    if (running || frame || !host.isConnected) return
    sentence.textContent = says(state, settings)
    list()
    host.dataset.numbers = JSON.stringify(numbers(state, settings))
    host.dataset.state = "ready"
    // The reader may be on the way to another page.
    if (location.pathname === page) remember(name, written(controls, settings))
  }

  function run() {
    if (running) return stop()
    if (!player) return
    const { name, min, max } = player
    const from = +settings[name] >= max ? min : +settings[name]
    if (still()) {
      settings[name] = max
      return schedule()
    }
    play.textContent = "Pause"
    sentence.ariaLive = "off" // for eyes alone: read out, each would cut off the one before
    /** @type {number | undefined} */
    let begun
    const tick = (/** @type {number} */ now) => {
      begun ??= now
      settings[name] = fitted(player, from + ((max - min) * (now - begun)) / RUN)
      if (+settings[name] >= max || !host.isConnected) stop()
      else running = requestAnimationFrame(tick)
      show()
    }
    host.dataset.state = "moving"
    running = requestAnimationFrame(tick)
  }

  function stop() {
    cancelAnimationFrame(running)
    running = 0
    play.textContent = "Play"
    sentence.ariaLive = "polite"
    clearTimeout(timer)
    timer = setTimeout(settle, SETTLED)
  }

  // By a press on the drawing, and by a mouse that is held down; a finger that moves scrolls the page.
  /** @param {PointerEvent} event */
  function picked(event) {
    if (event.type === "pointermove" && (event.pointerType !== "mouse" || event.buttons !== 1)) return
    const { left, top } = drawing.getBoundingClientRect()
    const found = pick?.(settings, { x: event.clientX - left, y: event.clientY - top }, size)
    if (!found) return
    event.preventDefault() // no text is selected
    stop()
    for (const control of controls) {
      const value = found[control.name]
      if (value !== undefined) settings[control.name] = control.options ? value : fitted(control, value)
    }
    schedule()
  }

  function restore() {
    stop()
    Object.assign(settings, parse(controls, ""))
    schedule()
  }

  async function copied() {
    await navigator.clipboard.writeText(listing.textContent)
    copy.textContent = "Copied"
    setTimeout(() => {
      copy.textContent = "Copy"
    }, 2000)
  }

  /** @returns {HTMLElement} */
  function first() {
    return inputs[0].element.querySelector("input:checked") ?? inputs[0].element
  }

  drawing.addEventListener("pointerdown", picked)
  drawing.addEventListener("pointermove", picked)
  host.classList.add("explorable--open")
  host.replaceChildren(frameElement)
  new ResizeObserver(() => {
    if (`${picture.clientWidth}` !== drawing.getAttribute("width")) schedule()
  }).observe(picture)
  place()
  show()
  settle()
  if (come === "pressed") first().focus()
  if (come === "seen") run()
  if (come === "linked") {
    host.scrollIntoView()
    // Once more, when all is there: until then a browser goes to the place that the address may name, too.
    await loaded()
    await document.fonts.ready
    requestAnimationFrame(() => requestAnimationFrame(() => host.scrollIntoView()))
  }
}

const loaded = () =>
  document.readyState === "complete" || new Promise(done => addEventListener("load", done, { once: true }))
// A choice whose answers lie side by side: a group that has a value, as a <select> has.
/** @type {(control: Choice) => HTMLFieldSetElement & { value: string }} */
const radios = ({ name, label, options, value }) => {
  const inputs = Object.keys(options).map(key =>
    html("input", { type: "radio", name: `explore-${name}`, value: key, checked: key === value }),
  )
  const labels = inputs.map(input => html("label", {}, input, html("span", {}, options[input.value])))
  const group = html("fieldset", { className: "explorable__side" }, html("legend", {}, label), ...labels)
  return Object.defineProperty(/** @type {any} */ (group), "value", {
    get: () => inputs.find(input => input.checked)?.value ?? value,
    set: key => {
      for (const input of inputs) input.checked = input.value === key
    },
  })
}

// In the query: the theme writes the part after the # as the reader scrolls.
/** @type {(name: string, text: string) => void} */
const remember = (name, text) => {
  const url = new URL(location.href)
  if (text) url.searchParams.set(name, text)
  else if (url.searchParams.has(name)) url.searchParams.delete(name)
  else return
  const search = `${url.searchParams}`.replaceAll("%3A", ":").replaceAll("%2C", ",")
  history.replaceState(history.state, "", url.pathname + (search && `?${search}`) + url.hash)
}
