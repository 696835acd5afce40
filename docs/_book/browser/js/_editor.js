// The editor of a cell: CodeMirror, loaded at the first Edit.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands"
import { python } from "@codemirror/lang-python"
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language"
import { EditorState } from "@codemirror/state"
import { drawSelection, EditorView, keymap } from "@codemirror/view"
import { tags } from "@lezer/highlight"

/** @import { Editor } from "./types" */

// The page's own colours, which know light from dark.
/** @type {(name: string) => string} */
const colour = name => `var(--md-code-hl-${name}-color)`
const colours = HighlightStyle.define([
  { tag: tags.comment, color: colour("comment") },
  { tag: [tags.keyword, tags.modifier, tags.self], color: colour("keyword") },
  { tag: [tags.string, tags.special(tags.string)], color: colour("string") },
  { tag: [tags.number, tags.bool, tags.null], color: colour("number") },
  {
    tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)],
    color: colour("function"),
  },
  { tag: [tags.operator, tags.operatorKeyword], color: colour("operator") },
  { tag: tags.punctuation, color: colour("punctuation") },
])
const look = EditorView.theme({
  "&": { color: "var(--md-code-fg-color)", backgroundColor: "var(--md-code-bg-color)", fontSize: ".85em" },
  "&.cm-focused": { outline: ".1rem solid var(--md-accent-fg-color)" },
  ".cm-scroller": { fontFamily: "var(--md-code-font-family)", lineHeight: "1.4" },
  ".cm-content": { padding: ".77em 0", caretColor: "var(--md-default-fg-color)" },
  ".cm-line": { padding: "0 1.18em" },
  ".cm-cursor": { borderLeftColor: "var(--md-default-fg-color)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--md-accent-fg-color--transparent)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "transparent", outline: ".05rem solid currentColor" },
})

// An editor in the place of `before`; `act` has its label and what follows from its keys.
/** @type {(before: Element, text: string, act: { label: string, change(text: string): void, run(): void }) => Editor} */
export const open = (before, text, act) => {
  const parent = document.createElement("div")
  parent.className = "cell__editor"
  before.before(parent)
  const run = () => {
    act.run()
    return true
  }
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        indentUnit.of("    "),
        python(),
        syntaxHighlighting(colours),
        look,
        keymap.of([
          { key: "Shift-Enter", run },
          { key: "Mod-Enter", run },
          indentWithTab, // Escape, then Tab, leaves: CodeMirror sees to it, the hint below the editor says it
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.contentAttributes.of({
          "aria-label": act.label,
          "aria-description": "Tab indents. Escape, then Tab, leaves the editor. Shift and Enter run it.",
          spellcheck: "false",
          tabindex: "0",
        }),
        EditorView.updateListener.of(update => {
          if (update.docChanged) act.change(update.state.doc.toString())
        }),
      ],
    }),
  })
  const hint = document.createElement("p")
  hint.className = "cell__hint"
  hint.textContent = "Shift + Enter runs it. Tab indents; Escape, then Tab, leaves the editor."
  parent.append(hint)
  view.focus()
  return {
    destroy() {
      view.destroy()
      parent.remove()
    },
  }
}
