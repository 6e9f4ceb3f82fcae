"""Throughput and memory of training and inference."""
