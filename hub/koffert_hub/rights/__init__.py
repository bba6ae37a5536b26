"""What a patient may ask of the record: a copy, a correction, an end of collection; and how long it is kept."""
