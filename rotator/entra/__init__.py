"""How Microsoft Entra ID and Graph are reached: one implementation of the Directory port."""
