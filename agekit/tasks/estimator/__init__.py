"""The task of estimators: how old is this face?"""
