"""MTCNN: three small networks that find faces and five points in each, coarse to fine."""
