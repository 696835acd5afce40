"""The Content-Security-Policy: which scripts it lists, and where it stands."""

import base64
import hashlib

from _book.site import policy

PAGE = '<html><head>\n<meta charset="utf-8">\n<title>A</title>{head}</head><body></body></html>'


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_scripts_in_the_page_are_listed_and_others_are_not():
    head = '<script>a()</script><script src="b.js"></script><script type="application/json">{}</script>'

    assert policy.listed({"404.html": PAGE.format(head=head)}) == ({digest("a()")}, {})


def test_only_what_stands_on_every_page_is_listed():
    """Each page knows its own way to the root; a script of one page, or of its own text, is nobody's whom we know."""
    ours = "<script>scope=new URL({},location)</script>"
    pages = {
        "404.html": PAGE.format(head=ours.format('"/book/"')),
        "index.html": PAGE.format(head=ours.format('"."')).replace("<body>", "<body><!--page--><p>1<!--/page-->"),
        "a/index.html": PAGE.format(head=ours.format('".."') + "<script>planted()</script>"),
        "b/index.html": PAGE.format(head=ours.format('".."')).replace(
            "<body>", "<body><!--page--><svg><script>drawn()</script></svg><!--/page-->"
        ),
        "c/index.html": PAGE.format(head="<script>scope=new URL(evil(),location)</script>"),
    }

    hashes, others = policy.listed(pages)

    assert hashes == {digest(f'scope=new URL("{way}",location)') for way in ("/book/", ".", "..")}
    assert others == {"a/index.html": "planted()", "c/index.html": "scope=new URL(evil(),location)"}


def test_the_policy_allows_no_other_site_and_no_eval():
    allowed = policy.policy({"x"})

    assert allowed.startswith("default-src 'none';")
    assert "http" not in allowed
    assert "'unsafe-eval'" not in allowed
    assert "'unsafe-inline'" not in allowed.partition("script-src")[2].partition(";")[0]
