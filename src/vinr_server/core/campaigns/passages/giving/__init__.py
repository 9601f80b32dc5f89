"""What steps give: from which batches of codes, within which budget, and what a member has of an offer."""
