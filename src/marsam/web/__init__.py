"""The studio as a web page. Gradio is imported only by :mod:`marsam.web.page`."""
