"""Who may do what: roles and the one check, people and tokens, sign-in, secrets."""
