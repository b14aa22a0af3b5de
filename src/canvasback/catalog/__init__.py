"""Catalogs: reading one into an image, plain SQL on images, writing one out."""
