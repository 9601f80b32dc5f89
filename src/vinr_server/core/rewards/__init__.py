"""What points buy: rewards, redemptions, discounts."""
