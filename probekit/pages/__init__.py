"""What is seen: cards, contrasts and reproductions as pages, with their pictures."""
