"""Classifies a folder of images from the command line, on whatever machine the site runs.

Needs only `requests`: neither Django nor TensorFlow is imported.
"""
