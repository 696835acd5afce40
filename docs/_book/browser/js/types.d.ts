// What the scripts hand to one another. For the type checker alone: nothing of it is bundled.

import type { PyodideInterface } from "pyodide"

// ------------------------------------------------------------------------------------------------------------ cells

/** What the HTML says of a block that runs, in `data-cell`: render/code.py writes it. */
export interface CellData {
  number: number
  language: "python" | "pycon"
  standalone: boolean
  lab: boolean
  shown: string | null
  saves: Record<string, string>
  check?: { assertions: string[]; names: string[] }
}

/** A block that runs, or the answer to an exercise, as it stands on a page. */
export interface Cell {
  box: HTMLElement
  code: HTMLElement
  name: string
  data: CellData // of an answer, that of the solution
  check: CellData["check"] // of an answer, what it is checked by
  text: string
  source: string // what an edit starts from
  book?: ChildNode[] // what the code was before the reader's own text stood there
  copy: string
  key: string // of what is kept for the reader
  space: string // the namespace that it runs in
  bar: HTMLElement
  says: HTMLElement
  edited: string | null
  editor?: Editor
  opening?: boolean
}

export interface LivePage {
  space: string
  keys: Set<string>
  cells: Cell[]
  top: HTMLElement | null
  live: HTMLElement
  says: HTMLElement
  show(cell: Cell, edited: string | null): void
}

export interface Editor {
  destroy(): void
}

// ----------------------------------------------------------------------------------------------------------- Python

/** What browser/cell.py says of a cell that ran, or the client of one that did not. */
export interface Outcome {
  state: "ok" | "differs" | "error" | "stopped" | "failed"
  output: string
  message: string | null
  traceback: string | null
  figures: { name: string; svg: string }[]
  seconds: number
  line: number | null
  failed?: string | null
  lost?: number[] // the cells whose names, as they found them, are gone
}

/** A cell as browser/cell.py wants it. */
export interface Payload {
  language: "python" | "pycon" | "edited"
  code: string
  output: string | null
  standalone: boolean
  path: string
  name: string
  line: number
  number: number
  figures: Record<string, string>
}

export interface Exercise {
  code: string
  assertions: string[]
  names: string[]
  number: number
}

export interface Status {
  state: "off" | "loading" | "ready" | "failed"
  message: string
  done: number
  total: number
}

export interface PythonClient {
  readonly state: Status["state"]
  readonly heap: number // bytes of Python's memory, after the last call
  subscribe(listener: (status: Status) => void): () => void
  start(): Promise<unknown>
  run(space: string, cell: Payload): Promise<Outcome>
  check(space: string, exercise: Exercise): Promise<Outcome>
  forget(space: string): void
  stop(): void
}

/** Of Pyodide, what the loops need that is not its public interface. */
export type Interpreter = PyodideInterface & { _module: { wasmTable: WebAssembly.Table; HEAP8: Int8Array } }

export type Asked =
  | { files: Record<string, string> }
  | { files?: undefined; id: number; call: "run" | "check" | "forget"; space: string; given: string }

declare global {
  interface Window {
    shallownetPython?: PythonClient
    shallownetLive?: boolean
    shallownetExplore?: boolean
    document$?: { subscribe(listener: () => void): void }
  }
  interface Navigator {
    connection?: { saveData?: boolean }
  }
}

// ------------------------------------------------------------------------------------------------------ explorables

export type Value = string | number
export type Settings = Record<string, Value>
export interface Size {
  width: number
  height: number
}

interface ControlOf<S> {
  name: Extract<keyof S, string>
  label: string
  when?(settings: S): boolean
  view?: boolean
  play?: boolean
}
export interface Choice<S = Settings> extends ControlOf<S> {
  options: Record<string, string>
  value: string
  side?: boolean
}
export interface Slider<S = Settings> extends ControlOf<S> {
  options?: undefined
  min: number
  max: number
  step?: number
  value: number
  show?(value: number): string
}
export type Control<S = Settings> = Choice<S> | Slider<S>

/** What can be explored, by its settings `S` and the numbers `N` that they lead to. See _frame.js. */
export interface Explorable<S = Settings, N = unknown> {
  title: string
  controls: Control<S>[]
  ready?(): Promise<void>
  compute(settings: S): N
  height?(width: number, settings: S): number
  draw(state: N, settings: S, size: Size): SVGElement[]
  pick?(settings: S, place: { x: number; y: number }, size: Size): Partial<S> | undefined
  says(state: N, settings: S): string
  code(settings: S): string | Record<string, string>
  numbers(state: N, settings: S): Record<string, unknown>
}

type Address = number
type Bits = 32 | 64
type Loops = {
  [B in Bits as `product${B}`]: (
    W: Address,
    down: number,
    across: number,
    X: Address,
    Z: Address,
    rows: number,
    inner: number,
    m: number,
    scale: number,
  ) => void
} & {
  [B in Bits as `activate${B}` | `damp${B}`]: (a: Address, b: Address, count: number, kind: number) => void
} & {
  [B in Bits as `square${B}`]: (from: Address, count: number) => number
} & {
  [B in Bits as `octaves${B}`]: (from: Address, count: number, to: Address, bins: number, first: number) => void
}

/** What kernel/index.ts exports. The activations are there by their names in capitals. */
export interface KernelExports extends Loops {
  memory: WebAssembly.Memory
  free(): Address
  tables(): void
  seed(low: number, high: number): void
  normals(to: Address, count: number): void
  uniforms(to: Address, count: number): void
  orthogonalise(W: Address, n: number, scratch: Address): void
  narrow(from: Address, to: Address, count: number): void
  histogram(from: Address, count: number, to: Address, bins: number, low: number, high: number): void
  adam(W: Address, G: Address, M: Address, V: Address, count: number, first: number, second: number): void
}

/** The kernel as explorables use it. */
export interface Kernel extends Omit<KernelExports, "seed" | "adam"> {
  seed(seed: number): void
  adam(W: Address, G: Address, M: Address, V: Address, count: number, rate: number, t: number): void
  place(sizes: number[]): Address[]
  counts(at: Address, length: number): number[]
  values(at: Address, length: number): Float64Array<ArrayBuffer>
  kind(name: string): number
  curve(kind: number, z: number[]): { a: Float64Array; df: Float64Array }
}

/** How large the values of a layer are: their root mean square, and counts by octave. */
export interface Layer {
  rms: number
  counts: number[]
}
