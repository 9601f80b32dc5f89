"""Store credit that pays, by itself or beside money: spent, split, returned (R25d, R26)."""
