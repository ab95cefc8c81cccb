"""Caption a folder of images in both languages: tables, contact sheets and sidecars."""
