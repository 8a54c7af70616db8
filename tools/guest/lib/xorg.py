def session(person): pass
