// The network of the picture for PyTorch, JAX and Keras: the same start by each framework's own initializers, with the sizes
// that the picture shows. Their generators draw other numbers: what is the same is the distribution.

import {
  attends,
  BATCH,
  CLASSES,
  EXAMPLES,
  HEAD,
  IMAGES,
  narrows,
  PLACES,
  POSITIONS,
  startOf,
  streams,
  TOKENS,
} from "./_stack.js"

/** @import { Settings } from "./_stack.js" */

// A number as Python writes it.
/** @type {(value: number) => string} */
export const python = value => (Number.isInteger(value) ? `${value}.0` : `${+value.toFixed(4)}`)

// What settings are in the code of each framework, and of NumPy.
/** @type {(settings: Settings) => { normed: boolean, deep: boolean, zero: boolean, alpha: string, scale: string, pre: boolean, last: string, size: string }} */
export const words = settings => {
  const { family, norm, branch, post, blocks, attention, embedding } = settings
  const deep = family === "post" && post === "deepnet"
  const end = family === "post" ? post : branch
  const zero = end === "zero"
  return {
    normed: attends(family) || norm === "layer",
    deep,
    zero,
    pre: family === "pre",
    alpha: branch === "root" ? `${blocks}**-0.5` : "1.0", // of a residual block
    scale: /** @type {Record<string, string>} */ ({ one: "1.0", inverse: `1 / ${HEAD}` })[attention] ?? `${HEAD}**-0.5`,
    // What the last matrix of a branch is multiplied with.
    last: deep ? "beta" : zero ? "0.0" : end === "root" && family === "pre" ? "(2 * depth) ** -0.5" : "1.0",
    size: /** @type {Record<string, string>} */ ({ unit: "1.0", small: "0.02", root: "d**-0.5" })[embedding],
  }
}

const DEEP = "alpha, beta = (2 * depth) ** 0.25, (8 * depth) ** -0.25  # DeepNet's\n"

// ---------------------------------------------------------------------------------------------------------- PyTorch

const TORCH = /** @type {Record<string, string>} */ ({
  relu: "torch.relu",
  leaky_relu: "nn.functional.leaky_relu",
  selu: "torch.selu",
  tanh: "torch.tanh",
  sigmoid: "torch.sigmoid",
  identity: "nn.Identity()",
})

/** @type {(settings: Settings) => string} */
const torchStart = settings => {
  const start = startOf(settings)
  const kernel = settings.family === "convolution"
  if (start === "orthogonal" && kernel) return "nn.init.zeros_(W)\n    nn.init.orthogonal_(W[:, :, 1])"
  return /** @type {Record<string, string>} */ ({
    he: 'nn.init.kaiming_normal_(W, nonlinearity="relu")',
    lecun: 'nn.init.kaiming_normal_(W, nonlinearity="linear")',
    glorot: "nn.init.xavier_normal_(W)",
    orthogonal: "nn.init.orthogonal_(W)",
    small: "nn.init.normal_(W, std=0.02)",
    own: `nn.init.normal_(W, std=${python(settings.sigma)} * W[0].numel() ** -0.5)`,
  })[start]
}

/** @type {(settings: Settings) => string} */
export const torch = settings => {
  const { family, width, activation, seed, depth, blocks, head } = settings
  const { normed, deep, zero, alpha, pre, scale, last, size } = words(settings)
  // In few bits: drawn in float32 and cast, and measured in float32.
  const narrow = narrows(settings)
  const to = narrow ? ".to(dtype)" : ""
  const wide = narrow ? ".float()" : ""
  const dtype = narrow ? `\ndtype = torch.${settings.precision}` : ""
  const top = `import torch
from torch import nn
`
  const start = `

def start(W${attends(family) ? ", factor=1.0" : ""}):
    ${torchStart(settings)}
${attends(family) ? "    with torch.no_grad():\n        W.mul_(factor)\n" : ""}
`
  const ends = (/** @type {string} */ examples) => `
loss = nn.functional.cross_entropy(logits${wide}, y)
grads = torch.autograd.grad(${examples} * loss, kept)  # of each example's own loss
up = [x${wide}.pow(2).mean().sqrt().item() for x in kept]
down = [x${wide}.pow(2).mean().sqrt().item() for x in grads]
first = loss.item()
print(up[0], up[-1], down[0], down[-1], first)
`
  // What stands before the network.
  /** @type {(sizes: string) => string} */
  const opening = sizes => `${top}
${sizes}
torch.manual_seed(${seed})${dtype}
g = ${TORCH[activation]}
${deep ? DEEP : ""}${start}`
  // Layers of one kind after each other, without skips.
  /** @type {(layer: string, before: string, seen: string) => string} */
  const layers = (layer, before, seen) => `class Network(nn.Module):
    def __init__(self):
        super().__init__()
${before}        self.layers = nn.ModuleList(${layer} for _ in range(depth))
        self.head = nn.Linear(n, ${CLASSES})
        for layer in self.layers:
            start(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.kaiming_normal_(self.head.weight, nonlinearity="linear")
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        kept = []  # what the picture shows
        for layer in self.layers:
            kept.append(layer(x))
            x = g(kept[-1])
        return self.head(${seen}), kept
`
  if (family === "plain")
    return `${opening(`n, depth, m = ${width}, ${depth}, ${EXAMPLES}`)}
${layers("nn.Linear(n, n)", "", "x")}

x, y = torch.randn(m, n)${to}, torch.arange(m) % ${CLASSES}
logits, kept = Network()${to}(x)${ends("m")}`
  if (family === "convolution") {
    const ring = '        ring = {"padding": 1, "padding_mode": "circular"}\n'
    return `${opening(`n, depth, images, places = ${width}, ${depth}, ${IMAGES}, ${PLACES}`)}
${layers("nn.Conv1d(n, n, 3, **ring)", ring, "x.mean(dim=-1)")}

x, y = torch.randn(images, n, places)${to}, torch.arange(images)
logits, kept = Network()${to}(x)${ends("images")}`
  }
  if (family === "recurrent")
    return `${opening(`n, steps, m = ${width}, ${depth}, ${BATCH}`)}
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.U, self.W = nn.Linear(n, n, bias=False), nn.Linear(n, n)
        self.head = nn.Linear(n, ${CLASSES})
        for layer in (self.U, self.head):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        start(self.W.weight)
        for layer in (self.W, self.head):
            nn.init.zeros_(layer.bias)

    def forward(self, xs):
        a, kept = torch.zeros(m, n${narrow ? ", dtype=dtype" : ""}), []  # kept is what the picture shows
        for x in xs:
            kept.append(self.W(a) + self.U(x))
            a = g(kept[-1])
        return self.head(a), kept


xs, y = torch.randn(steps, m, n)${to}, torch.arange(m) % ${CLASSES}
logits, kept = Network()${to}(xs)${ends("m")}`
  if (family === "residual")
    return `${opening(`n, depth, m, alpha = ${width}, ${blocks}, ${EXAMPLES}, ${alpha}`)}${normed ? "\ndef norm(x):\n    return nn.functional.layer_norm(x, (n,))\n\n\n" : ""}class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(n, n), nn.Linear(n, n)
        start(self.first.weight)
        ${zero ? "nn.init.zeros_(self.last.weight)" : "start(self.last.weight)"}
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        return x + alpha * self.last(g(self.first(${normed ? "norm(x)" : "x"})))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(n, n), nn.Linear(n, ${CLASSES})
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
        for layer in (self.stem, self.head):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        kept = [self.stem(x)]  # what the picture shows: the stream
        for block in self.blocks:
            kept.append(block(kept[-1]))
        return self.head(${normed ? "norm(kept[-1])" : "kept[-1]"}), kept


x, y = torch.randn(m, n)${to}, torch.arange(m) % ${CLASSES}
logits, kept = Network()${to}(x)${ends("m")}`
  const a = deep ? "alpha * " : ""
  return `${opening(`d, heads, depth, T, V = ${width}, ${width / HEAD}, ${blocks}, ${POSITIONS}, ${TOKENS}`)}
def norm(x):
    return nn.functional.layer_norm(x, x.shape[-1:])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.Q, self.K, self.V, self.O = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.first, self.last = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        start(self.Q.weight)
        start(self.K.weight)
        start(self.V.weight${deep ? ", beta" : ""})
        start(self.O.weight, ${last})
        start(self.first.weight${deep ? ", beta" : ""})
        start(self.last.weight, ${last})
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.last.bias)

    def attend(self, x):
        q, k, v = (W(x).view(T, heads, -1).transpose(0, 1) for W in (self.Q, self.K, self.V))
${settings.attention === "qk" ? "        q, k = norm(q), norm(k)\n" : ""}        shares = (${scale} * q @ k.mT).masked_fill(later, -torch.inf).softmax(dim=-1)
        self.keys = (1 / shares[:, -1].pow(2).sum(dim=-1)).mean().item()  # heard by the last token
        return self.O((shares @ v).transpose(0, 1).reshape(T, d))

    def forward(self, x):
${pre ? "        x = x + self.attend(norm(x))\n        return x + self.last(g(self.first(norm(x))))" : `        x = norm(${a}x + self.attend(x))\n        return norm(${a}x + self.last(g(self.first(x))))`}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.E, self.P = nn.Embedding(V, d), nn.Embedding(T, d)
        nn.init.normal_(self.E.weight, std=${size})
        nn.init.normal_(self.P.weight, std=${size})
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
        self.head = nn.Linear(d, V${head === "tied" ? ", bias=False" : ""})
${head === "tied" ? "        self.head.weight = self.E.weight" : '        nn.init.kaiming_normal_(self.head.weight, nonlinearity="linear")\n        nn.init.zeros_(self.head.bias)'}

    def forward(self, tokens):
        kept = [self.E(tokens) + self.P.weight]  # what the picture shows: the stream
        for block in self.blocks:
            kept.append(block(kept[-1]))
        return self.head(${pre ? "norm(kept[-1])" : "kept[-1]"}), kept


later = torch.ones(T, T).triu(1).bool()  # no token hears a later one
tokens, y = torch.arange(T), torch.arange(1, T + 1)  # each token is followed by the next one
model = Network()
logits, kept = model(tokens)
keys = [block.keys for block in model.blocks]${ends("T")}`
}

// --------------------------------------------------------------------------------------------------- JAX, and Keras on it

const JAX = /** @type {Record<string, string>} */ ({
  relu: "jax.nn.relu",
  leaky_relu: "jax.nn.leaky_relu",
  selu: "jax.nn.selu",
  tanh: "jnp.tanh",
  sigmoid: "jax.nn.sigmoid",
  identity: "lambda z: z",
})
const KERAS = /** @type {Record<string, string>} */ ({
  relu: "ops.relu",
  leaky_relu: "lambda z: ops.leaky_relu(z, 0.01)",
  selu: "ops.selu",
  tanh: "ops.tanh",
  sigmoid: "ops.sigmoid",
  identity: "lambda z: z",
})

/** @type {(settings: Settings) => string} */
const jaxStart = settings => {
  const start = startOf(settings)
  if (start === "own" && !settings.sigma) return "init.zeros"
  if (start === "orthogonal" && settings.family === "convolution") return "init.delta_orthogonal()"
  return /** @type {Record<string, string>} */ ({
    he: "init.he_normal()",
    lecun: "init.lecun_normal()",
    glorot: "init.glorot_normal()",
    orthogonal: "init.orthogonal()",
    small: "init.normal(0.02)",
    own: `init.variance_scaling(${python(settings.sigma)}**2, "fan_in", "normal")`,
  })[start]
}
/** @type {(settings: Settings) => string} */
const kerasStart = settings => {
  const start = startOf(settings)
  if (start === "own" && !settings.sigma) return "initializers.Zeros()"
  return /** @type {Record<string, string>} */ ({
    he: "initializers.HeNormal()",
    lecun: "initializers.LecunNormal()",
    glorot: "initializers.GlorotNormal()",
    orthogonal: "initializers.Orthogonal()",
    small: "initializers.RandomNormal(stddev=0.02)",
    own: `initializers.VarianceScaling(${python(settings.sigma)}**2, "fan_in", "untruncated_normal")`,
  })[start]
}

// The two share what they compute; `on` says with what.
/** @type {(settings: Settings, on: "jax" | "keras") => string} */
const written = (settings, on) => {
  const { family, width, activation, seed, depth, blocks, head } = settings
  const { normed, deep, zero, alpha, pre, scale, last, size } = words(settings)
  const jax = on === "jax"
  const narrow = narrows(settings)
  const as = narrow ? ".astype(dtype)" : ""
  const wide = narrow ? ".astype(jnp.float32)" : ""
  const dtype = narrow ? (jax ? `\ndtype = jnp.${settings.precision}` : `\ndtype = "${settings.precision}"`) : ""
  const zeros = (/** @type {string} */ shape) => `jnp.zeros((${shape})${narrow ? ", dtype" : ""})`
  const typed = narrow ? "dtype=dtype, " : ""
  const steps = streams(family) ? blocks : depth
  const transformer = attends(family)
  /** @type {(W: string, x: string) => string} */
  const of = (W, x) => (jax ? `${x} @ ${W}` : `${W}(${x})`)
  // A matrix from so many units to so many.
  /** @type {(from: string, to: string, start: string, bias?: boolean) => string} */
  const matrix = (from, to, start, bias = true) =>
    jax
      ? `${start}(next(keys), (${from}, ${to}))${as}`
      : `layers.Dense(${to}, ${typed}${bias ? "" : "use_bias=False, "}kernel_initializer=${start})`
  const lecun = jax ? "init.lecun_normal()" : narrow ? "lecun" : '"lecun_normal"'
  const start = (/** @type {string} */ factor = "") =>
    jax ? `${factor && factor !== "1.0" ? `${factor} * ` : ""}start` : `start(${factor === "1.0" ? "" : factor})`
  const delta = family === "convolution" && startOf(settings) === "orthogonal"
  const sizes = transformer
    ? `d, heads, depth, T, V = ${width}, ${width / HEAD}, ${blocks}, ${POSITIONS}, ${TOKENS}`
    : family === "convolution"
      ? `n, depth, images, places = ${width}, ${depth}, ${IMAGES}, ${PLACES}`
      : family === "recurrent"
        ? `n, steps, m = ${width}, ${depth}, ${BATCH}`
        : `n, depth, m${family === "residual" ? ", alpha" : ""} = ${width}, ${steps}, ${EXAMPLES}${family === "residual" ? `, ${alpha}` : ""}`
  const top = jax
    ? `import jax
import jax.numpy as jnp

${sizes}
init = jax.nn.initializers
keys = iter(jax.random.split(jax.random.key(${seed}), 1000))${dtype}
g, start = ${JAX[activation]}, ${jaxStart(settings)}
`
    : `import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import jax.numpy as jnp
import keras
from keras import initializers, layers, ops

${sizes}
keras.utils.set_random_seed(${seed})${dtype}
g = ${KERAS[activation]}


def start(factor=1.0):
${
  delta
    ? `    def draw(shape, dtype=None):  # the centre of the kernel alone
        centre = ${narrow ? "ops.cast(initializers.Orthogonal()(shape[1:]), dtype)" : "initializers.Orthogonal()(shape[1:], dtype)"}
        return ops.stack([0 * centre, centre, 0 * centre])

    return draw`
    : `    return lambda shape, dtype=None: ${narrow ? `ops.cast(factor * ${kerasStart(settings)}(shape), dtype)` : `factor * ${kerasStart(settings)}(shape, dtype)`}`
}
${narrow ? "\n\ndef lecun(shape, dtype=None):  # drawn in float32\n    return ops.cast(initializers.LecunNormal()(shape), dtype)\n" : ""}

`
  const norm = normed
    ? `${jax ? "\n\n" : ""}def norm(x):
    return (x - x.mean(axis=-1, keepdims=True)) / jnp.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


`
    : ""
  const normal = (/** @type {string} */ shape) =>
    `${jax ? `jax.random.normal(next(keys), (${shape}))` : `keras.random.normal((${shape}))`}${as}`
  const shape =
    {
      plain: "depth, m, n",
      convolution: "depth, images, places, n",
      recurrent: "steps, m, n",
      residual: "depth + 1, m, n",
    }[family] ?? "depth + 1, T, d"
  const examples = { convolution: "images" }[family] ?? (transformer ? "T" : "m")
  const ends = `

def total(probes):
    ${transformer ? "logits, kept, heard" : "logits, kept"} = network(x, probes)
    own = -jax.nn.log_softmax(logits${wide})[jnp.arange(${examples}), y]  # each example's own loss
    return own.sum(), (own.mean(), kept${transformer ? ", heard" : ""})


${jax ? "" : `network(x, ${zeros(shape)})  # builds the layers\n`}grads, (loss, kept${transformer ? ", heard" : ""}) = jax.grad(total, has_aux=True)(${zeros(shape)})
up = [float(jnp.sqrt((z${wide}${narrow ? " ** " : "**"}2).mean())) for z in kept]
down = [float(jnp.sqrt((z${wide}${narrow ? " ** " : "**"}2).mean())) for z in grads]
${transformer ? "keys = [float(k) for k in heard]\n" : ""}first = float(loss)
print(up[0], up[-1], down[0], down[-1], first)
`
  const probe = "  # a probe is 0: the gradient in it is the one in what it is added to\n    kept = []\n"
  if (family === "plain")
    return `${top}hidden = [${matrix("n", "n", start())} for _ in range(depth)]
head = ${matrix("n", `${CLASSES}`, lecun)}
x, y = ${normal("m, n")}, jnp.arange(m) % ${CLASSES}


def network(x, probes):${probe}    for W, probe in zip(hidden, probes):
        kept.append(${of("W", "x")} + probe)
        x = g(kept[-1])
    return ${of("head", "x")}, kept
${ends}`
  if (family === "convolution")
    return `${top}hidden = [${jax ? `start(next(keys), (3, n, n))${as}` : `layers.Conv1D(n, 3, ${typed}kernel_initializer=start())`} for _ in range(depth)]
head = ${matrix("n", `${CLASSES}`, lecun)}
x, y = ${normal("images, places, n")}, jnp.arange(images)


def network(x, probes):${probe}    for W, probe in zip(hidden, probes):
        x = jnp.concatenate([x[:, -1:], x, x[:, :1]], axis=1)  # around the ends
        kept.append(${jax ? 'jax.lax.conv_general_dilated(x, W, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))' : "W(x)"} + probe)
        x = g(kept[-1])
    return ${of("head", "x.mean(axis=1)")}, kept
${ends}`
  if (family === "recurrent")
    return `${top}U, W = ${matrix("n", "n", lecun, false)}, ${matrix("n", "n", start())}
head = ${matrix("n", `${CLASSES}`, lecun)}
x, y = ${normal("steps, m, n")}, jnp.arange(m) % ${CLASSES}


def network(xs, probes):${probe}    a = ${zeros("m, n")}
    for x, probe in zip(xs, probes):
        kept.append(${of("W", "a")} + ${of("U", "x")} + probe)
        a = g(kept[-1])
    return ${of("head", "a")}, kept
${ends}`
  if (family === "residual")
    return `${top}${norm}stem, head = ${matrix("n", "n", lecun)}, ${matrix("n", `${CLASSES}`, lecun)}
first = [${matrix("n", "n", start())} for _ in range(depth)]
last = [${zero ? (jax ? "jnp.zeros((n, n))" : matrix("n", "n", '"zeros"')) : matrix("n", "n", start())} for _ in range(depth)]
x, y = ${normal("m, n")}, jnp.arange(m) % ${CLASSES}


def network(x, probes):${probe}    kept.append(${of("stem", "x")} + probes[0])
    for W1, W2, probe in zip(first, last, probes[1:]):
        x = ${normed ? "norm(kept[-1])" : "kept[-1]"}
        kept.append(kept[-1] + alpha * ${jax ? `(g(${of("W1", "x")}) @ W2)` : `W2(g(W1(x)))`} + probe)
    return ${of("head", normed ? "norm(kept[-1])" : "kept[-1]")}, kept
${ends}`
  const a = deep ? "alpha * " : ""
  const beta = deep ? "beta" : ""
  const tied = head === "tied"
  /** @type {(name: string, from: string, to: string, factor: string, bias: boolean) => string} */
  const part = (name, from, to, factor, bias) => `"${name}": ${matrix(from, to, start(factor), bias)},`
  const embedding = (/** @type {string} */ rows) =>
    jax ? `init.normal(${size})(next(keys), (${rows}, d))` : `initializers.RandomNormal(stddev=${size})((${rows}, d))`
  return `${top}${deep ? DEEP + (jax ? "" : "\n\n") : ""}${norm}E, P = ${embedding("V")}, ${embedding("T")}
blocks = [
    {
        ${part("Q", "d", "d", "", false)}
        ${part("K", "d", "d", "", false)}
        ${part("V", "d", "d", beta, false)}
        ${part("O", "d", "d", last, false)}
        ${part("first", "d", "4 * d", beta, true)}
        ${part("last", "4 * d", "d", last, true)}
    }
    for _ in range(depth)
]
${tied ? "" : `head = ${matrix("d", "V", lecun)}\n`}x, y = jnp.arange(T), jnp.arange(1, T + 1)  # each token is followed by the next one
sooner = jnp.tril(jnp.ones((T, T), bool))  # no token hears a later one


def attend(block, x):
    q, k, v = ((${of("block[W]", "x")}).reshape(T, heads, -1).swapaxes(0, 1) for W in "QKV")
${settings.attention === "qk" ? "    q, k = norm(q), norm(k)\n" : ""}    shares = jax.nn.softmax(jnp.where(sooner, ${scale} * q @ k.mT, -jnp.inf))
    heard = (1 / (shares[:, -1] ** 2).sum(axis=-1)).mean()  # effective keys of the last token
    return ${of('block["O"]', "(shares @ v).swapaxes(0, 1).reshape(T, d)")}, heard


def think(block, x):
    return ${jax ? 'g(x @ block["first"]) @ block["last"]' : 'block["last"](g(block["first"](x)))'}


def network(tokens, probes):  # a probe is 0: the gradient in it is the one in what it is added to
    kept, heard = [E[tokens] + P + probes[0]], []
    for block, probe in zip(blocks, probes[1:]):
        x = kept[-1]
        added, keys = attend(block, ${pre ? "norm(x)" : "x"})
        x = ${pre ? "x + added" : `norm(${a}x + added)`}
        kept.append(${pre ? "x + think(block, norm(x))" : `norm(${a}x + think(block, x))`} + probe)
        heard.append(keys)
    x = ${pre ? "norm(kept[-1])" : "kept[-1]"}
    return ${tied ? "x @ E.T" : of("head", "x")}, kept, heard
${ends}`
}

/** @type {(settings: Settings) => string} */
export const jax = settings => written(settings, "jax")
/** @type {(settings: Settings) => string} */
export const keras = settings => written(settings, "keras")
