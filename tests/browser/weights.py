"""How much a first visit to a page may load, compressed: one limit for the tests of the files and of a browser."""

LIMIT = 150_000
# The whole book on one page is for paper and is asked for as such: nineteen chapters weigh what they weigh.
LIMITS = {"print/": 900_000}


def limit(page):
    """Bytes that a page, by its address in the site, has to stay below."""
    return LIMITS.get(page, LIMIT)
