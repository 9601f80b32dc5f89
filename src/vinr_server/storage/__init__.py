"""PostgreSQL: the only floor with SQL. Migrations, locks and reads of a batch, its writes, the reads of the API."""
