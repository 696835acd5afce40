// The page's side of the worker that runs Python. One for the visit: it is kept on `window`, since the theme may run a
// script again when it changes pages without loading them anew.

import { files } from "./_files.js"

/** @import { Outcome, PythonClient, Status } from "./types" */

const EMPTY = { output: "", traceback: null, figures: [], seconds: 0, line: null, message: null }

/** @returns {PythonClient} */
const create = () => {
  /** @type {Worker | undefined} */
  let worker
  /** @type {Promise<unknown> | undefined} */
  let starting
  let ids = 0
  let heap = 0
  /** @type {Map<number, (outcome: Outcome) => void>} */
  const waiting = new Map()
  /** @type {Set<(status: Status) => void>} */
  const listeners = new Set()
  /** @type {Status} */
  const status = { state: "off", message: "", done: 0, total: 0 }

  /** @type {(change: Partial<Status>) => void} */
  const tell = change => {
    Object.assign(status, change)
    document.documentElement.dataset.runtime = status.state
    for (const listener of listeners) listener({ ...status })
  }

  /** @type {(outcome: Partial<Outcome> & Pick<Outcome, "state">) => void} */
  const end = outcome => {
    worker?.terminate()
    worker = starting = undefined
    heap = 0
    const unanswered = [...waiting.values()]
    waiting.clear()
    for (const resolve of unanswered) resolve({ ...EMPTY, ...outcome })
  }

  const boot = async () => {
    const found = await files().catch(() => {
      throw new Error("the list of the runtime's files could not be fetched")
    })
    if (!found["runtime/python.js"]) throw new Error("this copy of the book was built without Python")
    const mine = new Worker(found["worker.js"], { type: "module" })
    worker = mine
    await new Promise((resolve, reject) => {
      mine.onerror = event => {
        event.preventDefault()
        reject(new Error("Python's worker could not be fetched or fell over"))
        if (status.state === "ready" && mine === worker) fail("Python fell over")
      }
      mine.onmessage = ({ data }) => {
        if (mine !== worker) return
        if (data.progress) tell(data.progress)
        else if (data.ready) resolve(undefined)
        else if (data.failed) reject(new Error(data.failed))
        else {
          heap = data.heap
          waiting.get(data.id)?.({ ...EMPTY, ...data.outcome })
          waiting.delete(data.id)
        }
      }
      mine.postMessage({ files: found })
    })
  }

  /** @type {(message: string) => void} */
  const fail = message => {
    end({ state: "failed", message })
    tell({ state: "failed", message })
  }

  /** @returns {Promise<unknown>} */
  const start = () => {
    if (starting) return starting
    tell({ state: "loading", message: "", done: 0, total: 0 })
    /** @type {Promise<unknown>} */
    const mine = boot().then(
      () => mine === starting && tell({ state: "ready" }),
      error => {
        if (mine === starting) fail(error.message)
        throw error
      },
    )
    starting = mine
    return mine
  }

  /** @type {(call: "run" | "check" | "forget", space: string, given: unknown) => Promise<Outcome>} */
  const ask = async (call, space, given) => {
    const id = ++ids
    const outcome = new Promise(resolve => waiting.set(id, resolve))
    start().then(
      () => waiting.has(id) && worker?.postMessage({ id, call, space, given: JSON.stringify(given) }),
      () => {}, // `fail` has answered
    )
    return outcome
  }

  return {
    get state() {
      return status.state
    },
    get heap() {
      return heap
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    start,
    run: (space, cell) => ask("run", space, cell),
    check: (space, exercise) => ask("check", space, exercise),
    forget(space) {
      if (status.state === "ready") ask("forget", space, null)
    },
    // A worker that computes hears nothing: it is ended, and another one starts.
    stop() {
      end({ state: "stopped" })
      start().catch(() => {})
    },
  }
}

window.shallownetPython ??= create()
export const python = window.shallownetPython
