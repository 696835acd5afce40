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


def test_the_policy_allows_no_other_site_and_no_eval():
    allowed = policy.policy({"x"})

    assert allowed.startswith("default-src 'none';")
    assert "http" not in allowed
    assert "'unsafe-eval'" not in allowed
    assert "'unsafe-inline'" not in allowed.partition("script-src")[2].partition(";")[0]
