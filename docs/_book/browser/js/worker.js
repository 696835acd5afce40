// Runs Python away from the page, which therefore never freezes. Told what the runtime's files are called, it fetches
// all of them at once, puts them together and says "ready"; then it answers one call after the other.

import { loadPyodide, version } from "pyodide"
import { quicken } from "./_loops.js"
import { entries } from "./_zip.js"

/** @import { Asked, Interpreter } from "./types" */

const FIREFOX = navigator.userAgent.includes("Firefox/")
const SITE = "/lib/python3.12/site-packages"
/** @type {Record<string, string>} */
let files // the address of each file by its name
/** @type {Interpreter} */
let python
/** @type {any} */
let cell // the Python module that runs cells
let done = 0
let total = 0

/** @type {(message: unknown) => void} */
const say = message => postMessage(message)

// The last line of a Python traceback says what happened; the rest is for the console.
/** @type {(error: any) => string} */
const brief = error => {
  console.warn(error)
  return String(error.message).trim().split("\n").pop() ?? ""
}

class Unreachable extends Error {}

/** @type {(name: string) => Promise<Response>} */
const asked = async name => {
  let response
  try {
    response = await fetch(files[name])
  } catch {
    throw new Unreachable(`${name} could not be fetched`)
  }
  if (!response.ok) throw new Unreachable(`${name} could not be fetched: the server says ${response.status}`)
  return response
}

// A file's bytes as they come: unpacked here, so that a host that compresses nothing will do.
/** @type {(name: string) => Promise<ReadableStream<BufferSource>>} */
const open = async name => {
  const response = await asked(name)
  total += Number(response.headers.get("content-length"))
  /** @type {TransformStream<Uint8Array<ArrayBuffer>>} */
  const counted = new TransformStream({
    transform(chunk, controller) {
      done += chunk.byteLength
      say({ progress: { done, total } })
      controller.enqueue(chunk)
    },
  })
  const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body)
  return body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"))
}

/** @type {(name: string) => Promise<Uint8Array>} */
const fetched = async name => new Uint8Array(await new Response(await open(`runtime/${name}.zip.gz`)).arrayBuffer())

/** @type {(name: string) => Promise<WebAssembly.Module>} */
const compiled = async name => WebAssembly.compile(await (await asked(name)).arrayBuffer())

/** @type {(bytes: Uint8Array) => void} */
const install = bytes => {
  const made = new Set()
  for (const [name, data] of entries(bytes)) {
    const path = `${SITE}/${name}`
    const folder = path.slice(0, path.lastIndexOf("/"))
    if (!made.has(folder)) python.FS.mkdirTree(folder)
    made.add(folder)
    python.FS.writeFile(path, data, { canOwn: true })
  }
}

const start = async () => {
  /** @type {Record<string, Promise<BodyInit>>} */
  const core = {
    "python_stdlib.zip": open("runtime/python.zip.gz"),
    "pyodide.asm.wasm": open("runtime/python.wasm.gz"),
  }
  const [numpy, book, loops] = [fetched("numpy"), fetched("book"), compiled("runtime/numpy.wasm")]
  for (const each of [...Object.values(core), numpy, book, loops]) each.catch(() => {}) // the first one that fails is said below
  await import(files["runtime/python.js"]).catch(() => {
    throw new Unreachable("runtime/python.js could not be fetched")
  })
  await Promise.all(Object.values(core))
  // Pyodide asks for its files by their own names; they are on their way already. There are no packages for it to load.
  core["pyodide-lock.json"] = Promise.resolve(JSON.stringify({ info: { version }, packages: {} }))
  const really = self.fetch
  self.fetch = async (address, options) => {
    const name = String(address).split("/").pop() ?? ""
    if (!(name in core)) return really(address, options)
    const type = name.endsWith(".wasm") ? "application/wasm" : "application/zip"
    return new Response(await core[name], { headers: { "Content-Type": type } })
  }
  // Nor does it hand out its memory, in which the loops work; and where its code cannot be compiled, it waits for ever.
  const { Memory, instantiateStreaming } = WebAssembly
  /** @type {WebAssembly.Memory[]} */
  const memories = []
  WebAssembly.Memory = class extends Memory {
    constructor(/** @type {WebAssembly.MemoryDescriptor} */ size) {
      super(size)
      memories.push(this)
    }
  }
  const broken = new Promise((_, reject) => {
    WebAssembly.instantiateStreaming = async (source, imports) => {
      try {
        // Nor does Firefox always come to an end with code that it compiles while it comes from a service worker.
        if (!FIREFOX) return await instantiateStreaming(source, imports)
        return await WebAssembly.instantiate(await (await source).arrayBuffer(), imports)
      } catch (error) {
        reject(error)
        throw error
      }
    }
  })
  try {
    python = /** @type {Interpreter} */ (await Promise.race([loadPyodide({ indexURL: "/" }), broken]))
  } finally {
    self.fetch = really
    Object.assign(WebAssembly, { Memory, instantiateStreaming })
  }
  install(await numpy)
  install(await book)
  python.runPython("import sys; sys.path.remove('')")
  cell = python.pyimport("_book.browser.cell")
  python.runPython("import shallownet")
  const memory = memories.find(({ buffer }) => buffer === python._module.HEAP8.buffer)
  if (memory) quicken(python, memory, await loops)
}

/** @type {(asked: Exclude<Asked, { files: Record<string, string> }>) => Promise<unknown>} */
const answer = async ({ call, space, given }) => {
  for (const name of call === "forget" ? [] : cell.needs(space, JSON.parse(given).code).toJs()) {
    install(await fetched(name))
  }
  return call === "forget" ? cell.forget(space) : JSON.parse(cell[call](space, given))
}

let turn = Promise.resolve()
self.onmessage = (/** @type {MessageEvent<Asked>} */ { data }) => {
  if (data.files) {
    files = data.files
    start().then(
      () => say({ ready: true }),
      error => say({ failed: error instanceof Unreachable ? error.message : `Python did not start: ${brief(error)}` }),
    )
    return
  }
  turn = turn.then(async () => {
    /** @type {unknown} */
    let outcome
    try {
      outcome = await answer(data)
    } catch (error) {
      outcome = { state: "failed", message: brief(error) }
    }
    say({ id: data.id, outcome, heap: python._module.HEAP8.length })
  })
}
