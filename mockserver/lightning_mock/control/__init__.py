"""The control plane, under `/__mock__/`: whoever tests a client moves time, plans, faults and keys here.

Law: nothing here is part of the API. It is off wherever a stranger could reach it.
"""
