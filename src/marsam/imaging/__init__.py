"""Safe decoding and saving of images, and the metadata inside them."""
