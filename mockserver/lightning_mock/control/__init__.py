"""The control plane, under `/__mock__/`, where tests of a client move time and change plans, faults and keys.

Law: nothing here is part of the API. It is off wherever a stranger could reach it.
"""
