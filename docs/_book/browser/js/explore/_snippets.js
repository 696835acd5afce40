// What a reader takes along from "Your network here": the network of the picture, by NumPy to the last digits of its numbers,
// and by the frameworks (_frameworks.js), whose generators draw other weights of the same distribution.

import { jax, keras, python, torch, words } from "./_frameworks.js"
import { BATCH, CLASSES, EXAMPLES, HEAD, IMAGES, narrows, PLACES, POSITIONS, startOf, TOKENS } from "./_stack.js"

/** @import { Settings } from "./_stack.js" */

// The library's initializer of a start, with a further factor of the weights that Python computes.
/** @type {(settings: Settings, factor?: string) => string} */
const drawing = (settings, factor = "") => {
  const start = startOf(settings)
  const times = factor && ` * ${factor}`
  if (start === "small") return `partial(sn.initializers.normal, std=0.02${times})`
  if (start === "own") return `partial(sn.initializers.lecun, gain=${python(settings.sigma)}${times})`
  if (!factor || start === "orthogonal") return `sn.initializers.${start}`
  return `partial(sn.initializers.${start}, gain=${start === "he" ? "2**0.5 * " : ""}${factor})`
}

/** @type {(settings: Settings) => string} */
const quiet = settings => {
  const { activation, family } = settings
  const all = family === "plain" && !narrows(settings) ? "trace.A[1:-1]" : "hidden"
  if (activation === "tanh") return `[sn.diagnostics.saturation(A).item() for A in ${all}]`
  if (activation === "sigmoid") return `[sn.diagnostics.saturation(2 * A - 1).item() for A in ${all}]`
  return `[sn.diagnostics.dead_units(A).item() for A in ${all}]`
}

const START = `from functools import partial
from itertools import combinations

import numpy as np

import shallownet as sn
`
const COSINE = `

def cosine_of(x):  # of two columns, on average over all pairs
    u = x / np.maximum(np.linalg.norm(x, axis=0), 1e-200)
    m = u.shape[1]
    return ((u.sum(axis=1) ** 2).sum() - (u**2).sum()).item() / (m * m - m)

`

// Checks 1, 3 and 4, of pairs of weights and their gradients.
/** @type {(settings: Settings) => string} */
const checks = settings => `
ratios = [0.01 * rms(G) / rms(W) for W, G in pairs if W.any() and G.any()]  # a step of gradient descent at 0.01
steps = [min(ratios).item(), max(ratios).item()] if ratios else []
quiet = ${quiet(settings)}
parts = [W.ravel()[:256] / np.linalg.norm(W.ravel()[:256]) for W, G in pairs if W.any()]
alike = max((abs(v @ w) for v, w in combinations(parts, 2)), default=0.0)
differ = all(sn.diagnostics.unit_distance(W) > 1e-6 for W, G in drawn) and bool(alike < 0.5)
print(up[0], up[-1], down[0], down[-1], first)
`

// To the nearest number of a format, and with `of` what does so around an expression.
/** @type {(settings: Settings) => { cast: string, of: (expression: string) => string }} */
const format = settings => {
  if (!narrows(settings)) return { cast: "", of: expression => expression }
  const body =
    settings.precision === "float16"
      ? "    return x.astype(np.float16).astype(float)"
      : "    significand, exponent = np.frexp(x)\n    return np.ldexp(np.rint(256 * significand), exponent - 8)"
  return {
    cast: `\n\ndef cast(x):  # to the nearest number of ${settings.precision}\n${body}\n\n`,
    of: expression => `cast(${expression})`,
  }
}

// The data, and a plain network as it is drawn.
/** @type {(settings: Settings) => string} */
const drawn = settings => {
  const { width, depth, activation, seed } = settings
  return `${START}
n, depth, m = ${width}, ${depth}, ${EXAMPLES}
g, loss, rms = sn.activations.${activation}, sn.losses.softmax_cross_entropy, sn.diagnostics.rms
rng = np.random.default_rng(${seed})
X, Y = rng.standard_normal((n, m)), np.eye(${CLASSES})[:, np.arange(m) % ${CLASSES}]
draws = [${drawing(settings)}] * depth + [sn.initializers.lecun]
params = sn.init_params([n] * (depth + 1) + [${CLASSES}], draws, rng)
`
}

// A plain network whose every layer is rounded, forward and backward.
/** @type {(settings: Settings) => string} */
const narrow = settings => {
  return `${drawn(settings)}${format(settings).cast}
*weights, head = [cast(W) for W, b in params]
A, Z = [cast(X)], []
for W in weights:
    Z.append(cast(W @ A[-1]))
    A.append(cast(g.f(Z[-1])))
logits = cast(head @ A[-1])
first = loss.f(logits, Y).item()
D = cast(head.T @ cast(m * loss.df(logits, Y)))  # of each example's own loss
down, grads = [], []
for l in range(depth - 1, -1, -1):
    D = cast(D * g.df(Z[l]))
    down.insert(0, rms(D).item())
    grads.insert(0, D @ A[l].T / m)
    D = cast(weights[l].T @ D)
up = [rms(z).item() for z in Z]
${COSINE}
cosine = [cosine_of(z) for z in Z]
hidden = A[1:]
pairs = drawn = list(zip(weights, grads))
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
const plain = settings => {
  if (narrows(settings)) return narrow(settings)
  return `${drawn(settings)}
trace = sn.forward(params, X, g)
first = loss.f(trace.A[-1], Y).item()
delta = m * loss.df(trace.A[-1], Y)  # of each example's own loss
grads = sn.backward(params, trace, delta / m, g)
down = []
for l in range(depth, 0, -1):
    delta = params[l].W.T @ delta * g.df(trace.Z[l])
    down.insert(0, rms(delta).item())
up = [rms(Z).item() for Z in trace.Z[1:-1]]
${COSINE}
cosine = [cosine_of(Z) for Z in trace.Z[1:-1]]
pairs = drawn = [(W, G) for (W, _), (G, _) in zip(params[:-1], grads[:-1])]
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
const convolution = settings => {
  const { cast, of } = format(settings)
  const { width, depth, activation, seed } = settings
  const fans = { lecun: "", he: "", glorot: "", own: "" }
  const start = startOf(settings)
  const delta = `partial(sn.initializers.delta_orthogonal, layout="oik")`
  const gain = start === "own" ? `, gain=${python(settings.sigma)}` : ""
  const name = start === "own" ? "lecun" : start
  const kernel = `partial(sn.initializers.${name}${gain}, fans=sn.initializers.fans((n, n, 3), "oik"))`
  return `${START}
n, depth, images, places = ${width}, ${depth}, ${IMAGES}, ${PLACES}
g, loss, rms = sn.activations.${activation}, sn.losses.softmax_cross_entropy, sn.diagnostics.rms
rng = np.random.default_rng(${seed})
X, Y = rng.standard_normal((n, images, places)), np.eye(${CLASSES})[:, :images]
draw = ${start === "orthogonal" ? delta : start in fans ? kernel : drawing(settings)}
${cast && `${cast}\n`}kernels = [${of("draw((n, n, 3), rng)")} for l in range(depth)]
head = ${of(`sn.initializers.lecun((${CLASSES}, n), rng)`)}


def unfold(A):  # each place with its two neighbours, around the ends: a convolution as a matrix product
    return np.stack([np.roll(A, 1 - k, axis=-1) for k in range(3)], axis=1).reshape(3 * n, -1)


def fold(D):  # the way back
    return sum(np.roll(D.reshape(n, 3, images, places)[:, k], k - 1, axis=-1) for k in range(3))


A, Z = [${of("X")}], []
for kernel in kernels:
    Z.append(${of("kernel.reshape(n, -1) @ unfold(A[-1])")})
    A.append(${of("g.f(Z[-1])")}.reshape(X.shape))
logits = ${of(`head @ ${of("A[-1].mean(axis=-1)")}`)}
first = loss.f(logits, Y).item()
D = np.repeat(${of(`head.T @ ${cast ? of("images * loss.df(logits, Y)") : "(images * loss.df(logits, Y))"}`)} / places, places, axis=-1)  # of each image's own loss
down, grads = [], []
for l in range(depth - 1, -1, -1):
    D = ${of("D.reshape(n, -1) * g.df(Z[l])")}
    down.insert(0, rms(D).item())
    grads.insert(0, (D @ unfold(A[l]).T / images).reshape(n, n, 3))
    D = ${of(`fold(${of("kernels[l].reshape(n, -1).T @ D")})`)}
up = [rms(z).item() for z in Z]
${COSINE}
cosine = [cosine_of(z) for z in Z]
hidden = [a.reshape(n, -1) for a in A[1:]]
pairs = drawn = [(W.reshape(n, -1), G.reshape(n, -1)) for W, G in zip(kernels, grads)]
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
const recurrent = settings => {
  const { cast, of } = format(settings)
  const { width, depth, activation, seed } = settings
  return `${START}
n, steps, m = ${width}, ${depth}, ${BATCH}
g, loss, rms = sn.activations.${activation}, sn.losses.softmax_cross_entropy, sn.diagnostics.rms
rng = np.random.default_rng(${seed})
X, Y = rng.standard_normal((steps, n, m)), np.eye(${CLASSES})[:, np.arange(m) % ${CLASSES}]
draw = ${drawing(settings)}
${cast && `${cast}\n`}U, W = ${of("sn.initializers.lecun((n, n), rng)")}, ${of("draw((n, n), rng)")}
head, X = ${of(`sn.initializers.lecun((${CLASSES}, n), rng)`)}, ${of("X")}

A, Z = [np.zeros((n, m))], []
for x in X:
    Z.append(${of(`${of("W @ A[-1]")} + ${of("U @ x")}`)})
    A.append(${of("g.f(Z[-1])")})
logits = ${of("head @ A[-1]")}
first = loss.f(logits, Y).item()
D = ${of(`head.T @ ${cast ? of("m * loss.df(logits, Y)") : "(m * loss.df(logits, Y))"}`)}  # of each example's own loss
down, dU, dW = [], np.zeros((n, n)), np.zeros((n, n))
for t in range(steps - 1, -1, -1):
    D = ${of("D * g.df(Z[t])")}
    down.insert(0, rms(D).item())
    dU += D @ X[t].T / m
    dW += D @ A[t].T / m
    D = ${of("W.T @ D")}
up = [rms(z).item() for z in Z]
${COSINE}
cosine = [cosine_of(z) for z in Z]
hidden = A[1:]
pairs = drawn = [(U, dU), (W, dW)]
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
const residual = settings => {
  const { width, blocks, activation, seed } = settings
  const { normed, zero, alpha } = words(settings)
  const last = zero ? "sn.initializers.zeros" : drawing(settings)
  return `${START}from shallownet import residual

n, depth, m, alpha = ${width}, ${blocks}, ${EXAMPLES}, ${alpha}
g, loss, rms = sn.activations.${activation}, sn.losses.softmax_cross_entropy, sn.diagnostics.rms
rng = np.random.default_rng(${seed})
X, Y = rng.standard_normal((n, m)), np.eye(${CLASSES})[:, np.arange(m) % ${CLASSES}]
lecun = sn.initializers.lecun
draws = [lecun, ${drawing(settings)}, ${last}, lecun]  # stem, W1, W2, head
params = residual.init_residual([n, n, ${CLASSES}], depth, draws, rng, alpha=alpha)

forward, backward = residual.model(${normed ? "residual.layer_norm" : ""})
trace = forward(params, X, g)
first = loss.f(trace.A[-1], Y).item()
delta = m * loss.df(trace.A[-1], Y)  # of each example's own loss
grads = backward(params, trace, delta / m, g)
stream = trace.A[1:-1]
dx = params[-1].W.T @ delta${normed ? "\ndx = residual.layer_norm.df(stream[-1], dx)" : ""}
down = [rms(dx).item()]
for l in range(depth, 0, -1):
    W1, _, W2, _, _ = params[l]
    dN = W1.T @ (W2.T @ (alpha * dx) * g.df(trace.Z[l + 1]))
    dx = dx + ${normed ? "residual.layer_norm.df(stream[l - 1], dN)" : "dN"}
    down.insert(0, rms(dx).item())
up = [rms(x).item() for x in stream]
${COSINE}
cosine = [cosine_of(x) for x in stream]
hidden = [g.f(Z) for Z in trace.Z[2:-1]]
blocks = list(zip(params[1:-1], grads[1:-1]))
drawn = [(part.W1, G.W1) for part, G in blocks]${zero ? "" : " + [(part.W2, G.W2) for part, G in blocks]"}
pairs = drawn${zero ? " + [(part.W2, G.W2) for part, G in blocks]" : ""}
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
const transformer = settings => {
  const { family, width, blocks, activation, seed, attention, head } = settings
  const { deep, zero, last, size } = words(settings)
  const projection = deep ? "1.0" : last // DeepNet's is in the draws
  const how = [
    ...[`heads=${width / HEAD}`, `norm="${family}"`],
    ...(deep ? ["alpha=alpha"] : []),
    ...({ one: ["scale=1.0"], inverse: [`scale=1 / ${HEAD}`], qk: ["qk_norm=True"] }[attention] ?? []),
  ]
  const names = ["W_Q", "W_K", "W_V", "W_O", "W1", "W2"]
  const other = deep
    ? `draws |= dict.fromkeys(["W_V", "W_O", "W1", "W2"], ${drawing(settings, "beta")})  # DeepNet's\n`
    : ""
  return `${START}from shallownet import transformer

d, depth, T, V = ${width}, ${blocks}, ${POSITIONS}, ${TOKENS}
g, loss, rms = sn.activations.${activation}, sn.losses.softmax_cross_entropy, sn.diagnostics.rms
rng = np.random.default_rng(${seed})
tokens, Y = np.arange(T)[:, None], np.eye(V)[:, 1 : T + 1]  # each token is followed by the next one
${deep ? "alpha, beta = transformer.deepnet(depth)\n" : ""}draws = dict.fromkeys(["E", "P"], partial(sn.initializers.normal, std=${size}))
draws |= dict.fromkeys(${JSON.stringify(names).replaceAll(",", ", ")}, ${drawing(settings)})
${other}${head === "own" ? `draws["W"] = sn.initializers.lecun\n` : ""}sizes, tied = [V, T, d, 4 * d], ${head === "own" ? "False" : "True"}
params = transformer.init_transformer(sizes, depth, draws, rng, tied=tied, projection=${projection})

forward, backward = transformer.model(${how.join(", ")})
trace = forward(params, tokens, g)
first = loss.f(trace.A[-1], Y).item()
grads = backward(params, trace, loss.df(trace.A[-1], Y), g)
stream = trace.A[1:-1:2]


def gradient_in(l):  # the network from block l + 1 on, whose positions are the stream
    rest = [params[0]._replace(P=stream[l] - params[0].E[:, tokens[:, 0]]), *params[l + 1 :]]
    above = forward(rest, tokens, g)
    return backward(rest, above, T * loss.df(above.A[-1], Y), g)[0].P


down = [rms(gradient_in(l)).item() for l in range(depth + 1)]
up = [rms(x).item() for x in stream]
last = [P[0, :, :, -1] for P in trace.attention[1:]]  # what the last position hears, in each head
keys = [(1 / (p**2).sum(axis=-1)).mean().item() for p in last]
${COSINE}
cosine = [cosine_of(x) for x in stream]
hidden = [g.f(inner[0]) for inner in trace.inner[2::2]]
names = ${JSON.stringify(names).replaceAll(",", ", ")}
blocks = list(zip(params[1 : depth + 1], grads[1 : depth + 1]))
pairs = [(getattr(part, name), getattr(G, name)) for part, G in blocks for name in names]
drawn = ${zero ? `[(getattr(part, name), None) for part, _ in blocks for name in names if name not in ("W_O", "W2")]` : "pairs"}
${checks(settings).slice(1)}`
}

/** @type {(settings: Settings) => string} */
export const numpy = settings => {
  if (settings.family === "plain") return plain(settings)
  if (settings.family === "convolution") return convolution(settings)
  if (settings.family === "recurrent") return recurrent(settings)
  if (settings.family === "residual") return residual(settings)
  return transformer(settings)
}

/** @type {(settings: Settings) => Record<string, string>} */
export const snippets = settings => ({
  NumPy: numpy(settings),
  PyTorch: torch(settings),
  JAX: jax(settings),
  Keras: keras(settings),
})
