"""The pages of the review application: what each role sees, and the rules by which it is let in."""
