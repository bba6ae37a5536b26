"""What `koffert signal spirometry` reads, prints and draws."""
