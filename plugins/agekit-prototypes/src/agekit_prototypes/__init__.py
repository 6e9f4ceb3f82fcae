"""Ageing by prototypes, an evolver of agekit."""
