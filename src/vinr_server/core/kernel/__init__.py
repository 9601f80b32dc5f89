"""What every room stands on: layers, needs, values, numbers, calendar, answers."""
