"""The video visit at the hub: who may call whom, the way of the signalling, and what is on record of it."""
