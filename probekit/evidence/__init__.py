"""Evidence is what results allow to be said: intervals, differences, certificates, conclusions."""
