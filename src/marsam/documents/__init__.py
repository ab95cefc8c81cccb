"""Alt text of images in documents: web pages, Markdown, Word, PowerPoint, EPUB, OpenDocument."""
