"""How does Microsoft Entra ID answer, when it lives on localhost?"""
