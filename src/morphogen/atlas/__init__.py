"""The atlas: one page per paper of the reading list, in chapters, each with its claims, its null and its picture."""
