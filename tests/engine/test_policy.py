"""The Content-Security-Policy: which scripts it lists, and where it stands."""

import base64
import hashlib

from _book.site import policy

PAGE = '<html><head>\n<meta charset="utf-8">\n<title>A</title>{head}</head><body></body></html>'


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_scripts_in_the_page_are_listed_and_others_are_not():
    head = '<script>a()</script><script src="b.js"></script><script type="application/json">{}</script>'

    assert policy.scripts(PAGE.format(head=head)) == {digest("a()")}


def test_every_page_gets_the_scripts_of_all(tmp_path):
    (tmp_path / "sub").mkdir()
    for name, script in (("index.html", "a()"), ("sub/index.html", "b()")):
        (tmp_path / name).write_text(PAGE.format(head=f"<script>{script}</script>"))

    policy.apply(tmp_path)

    for name in ("index.html", "sub/index.html"):
        page = (tmp_path / name).read_text()
        assert digest("a()") in page
        assert digest("b()") in page
        assert page.index("charset") < page.index("Content-Security-Policy") < page.index("<title>")


def test_the_policy_allows_no_other_site_and_no_eval():
    allowed = policy.policy({"x"})

    assert allowed.startswith("default-src 'none';")
    assert "http" not in allowed
    assert "'unsafe-eval'" not in allowed
    assert "'unsafe-inline'" not in allowed.partition("script-src")[2].partition(";")[0]
