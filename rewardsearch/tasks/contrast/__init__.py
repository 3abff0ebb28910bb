"""Contrastive rewards over rationales: texts that mean the same shall be near, others far."""
