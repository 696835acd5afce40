"""What is made of the pages together: the hooks of MkDocs, and the steps on the finished site."""
