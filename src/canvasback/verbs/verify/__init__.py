"""verify: is a repository what was saved?"""
