"""The Gradio toolkit that the pages share: translations, theme, HTML."""
