// node pack.mjs PYODIDE FOLDER OPTIMIZE: compile every module in each folder of FOLDER, beside its source. With
// Pyodide's own interpreter, since what another one compiles it does not read.
import { pathToFileURL } from "node:url"

const [pyodide, folder, optimize] = process.argv.slice(2)
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href)
const python = await loadPyodide()
python.FS.mkdirTree("/packed")
python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, "/packed")
python.globals.set("optimize", Number(optimize))
// A traceback names a module as it is named in its archive. A file that is as old as its source is not looked at again.
python.runPython(`
import compileall, os, py_compile
for name in sorted(os.listdir("/packed")):
    root = f"/packed/{name}"
    done = compileall.compile_dir(root, maxlevels=20, quiet=1, legacy=True, stripdir=root, optimize=optimize,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert done, f"{name} does not compile"
`)
