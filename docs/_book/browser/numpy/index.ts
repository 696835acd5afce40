// The loops that stand in for NumPy's own in the browser.

export { matmul32, matmul64, room, SIZE } from "./matmul"
export { tanh32, tanh64 } from "./tanh"
