"""What a page becomes: the Python-Markdown extension, and the check that it shows what was tested."""
