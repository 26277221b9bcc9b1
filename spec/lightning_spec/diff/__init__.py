"""Compares two revisions of an API description: what breaks its callers, what may, and what does not.

`source` reads, `schema` brings a schema into its normal form, `containment` asks which of two schemas
admits more, `shapes` and `operations` compare what is sent, `meaning` compares the facts of behaviour,
`rules` is the table of all rules, and `report` and `approvals` are what a reader and a build see of the
result.
"""
