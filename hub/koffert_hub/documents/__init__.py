"""Documents of a patient, such as ECG stills: a projection of the log that puts their parts together."""
