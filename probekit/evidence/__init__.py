"""Evidence is what results support: intervals, differences, certificates, verdicts, conclusions."""
