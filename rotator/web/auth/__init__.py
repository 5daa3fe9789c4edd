"""How does a machine sign in, and what does it get?"""
