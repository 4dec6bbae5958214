"""Other methods: predictions and results that were made elsewhere, and GEARS."""
