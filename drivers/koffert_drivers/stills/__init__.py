"""12-lead ECG stills: one pure reader per format, bytes in, one frozen record out."""
