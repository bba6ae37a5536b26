"""The identity of boxes: tokens, enrolment, renewal, revocation, and who has which box."""
