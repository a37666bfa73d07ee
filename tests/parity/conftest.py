"""Set up for every test that runs diffusers."""

import torch

# Where others are busy too, two threads wait for each other far longer than one takes.
torch.set_num_threads(1)
