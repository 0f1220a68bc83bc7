"""Where `mishkah-trio` begins: until the commands are there, ^C ends it without a word."""

import signal


def main() -> None:
    """Run the command line."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # otherwise whoever started us wants it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mishkah.cli import main as commands

    signal.signal(signal.SIGINT, before)
    commands()


if __name__ == "__main__":
    main()
