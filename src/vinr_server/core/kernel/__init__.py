"""What every room uses: layers, needs, values, numbers, calendar, answers."""
