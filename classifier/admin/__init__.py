"""The administrator's desk: Django's admin, with pages of its own beside its lists.

Nothing is imported here: the site has to exist before the lists register with it.
"""
