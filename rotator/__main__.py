"""What `python -m rotator` does: the same as the command `rotator`."""


def _run() -> None:
    from rotator.cli.main import main

    main()


if __name__ == "__main__":
    _run()
