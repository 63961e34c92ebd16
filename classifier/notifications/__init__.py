"""Telling people and programs what finished and what is wrong: webhooks and mails.

What is to be told is found in the database and not on the way of a prediction: a worker that dies
in between forgets nothing, and where nobody asked to be told it costs one query.
"""
