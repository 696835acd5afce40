"""What a page may run: the theme's scripts and the book's, and nothing that got in."""

import served

INJECT = """() => {
    const script = document.createElement("script")
    script.textContent = "window.injected = true"
    document.head.append(script)
    return window.injected === true
}"""


def test_a_script_that_got_into_a_page_does_not_run(tab):
    assert tab(served.chapters()[0]).evaluate(INJECT) is False


def test_an_attribute_is_no_script(tab):
    attempt = "a => { a.setAttribute('onclick', 'window.injected = true'); a.click(); return window.injected === true }"

    assert tab(served.chapters()[0]).locator("a.headerlink").first.evaluate(attempt) is False


def test_webassembly_may_run(tab):
    """The smallest module there is."""
    page = tab(served.chapters()[0])

    assert page.evaluate("WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(() => true)")


def test_the_next_page_keeps_to_the_first_page_s_policy(tab):
    """The theme loads the next page into this one: its scripts, written for another folder, are listed here too."""
    page = tab("")
    refused = []
    page.on("console", lambda message: message.type == "error" and refused.append(message.text))
    page.wait_for_load_state("networkidle")  # it asks for the sitemap, which says where it may go
    page.evaluate("window.stays = true")

    page.locator("article a[href*='chapters/symmetry/']").first.click()
    page.wait_for_selector("h1:has-text('Symmetry')")

    assert page.evaluate("window.stays")
    assert refused == []
