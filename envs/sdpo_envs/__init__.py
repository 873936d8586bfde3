"""The environments that come with sdpo_gym, one folder each; they are found through entry points."""
