"""What stplay ships beside its code: recipes, the reference card's figures, icons."""
