"""What holds for every test."""

import signal

# A shell that starts something aside has it ignore SIGINT, and what it starts in turn; some tests send SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
