"""``python -m hotloop.torch SCRIPT.py``."""

from hotloop.torch.runner import main

if __name__ == "__main__":
    main()
