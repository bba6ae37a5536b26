"""Reference values of spirometry: predicted, limits of normal, z-scores, GOLD grades."""
