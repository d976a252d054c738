"""Where figures are computed: one module a verb, with what the verbs share. Reports and commands only show them."""
