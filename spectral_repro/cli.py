"""The command ``spectral-repro``: signals from the first moment on, and errors in one line."""

import os
import signal
import sys

#: Seconds after which an interruption is raised once more, in case a library has swallowed it.
_AGAIN = 10


class _Signals:
    """Turns SIGINT and SIGTERM into KeyboardInterrupt, once ``wait`` is over.

    Raised in the middle of an import, it would be swallowed there, or leave half a module behind.
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self.came, self.waits, self.raised = False, True, False
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as of a shell's background job
                signal.signal(number, self._end)

    def _end(self, number: int, _) -> None:
        if number != getattr(signal, "SIGALRM", None):
            self.number, self.came = number, True
        if not self.waits:
            self._again()
            raise KeyboardInterrupt

    def _again(self) -> None:
        if not self.raised and hasattr(signal, "SIGALRM"):
            self.raised = True
            signal.signal(signal.SIGALRM, self._end)
            signal.alarm(_AGAIN)

    def begin(self) -> None:
        """Ends the waiting; raises KeyboardInterrupt if a signal came meanwhile."""
        self.waits = False
        if self.came:
            self._end(self.number, None)


def main() -> None:
    """Entry point: exit code 2 for what the user can mend, 1 if cells of a sweep failed, 130 or 143 if interrupted."""
    signals = _Signals()
    from spectral_repro.config.messages import one_line
    from spectral_repro.runner import entry
    from spectral_repro.terminal import speak_plainly

    speak_plainly()
    arguments = sys.argv[1:]
    asks = any(a.partition("=")[0] in entry.ASKS for a in arguments)  # then nothing heavy is imported
    if not asks:
        from spectral_repro.runner import job, sweep  # noqa: F401 (all that is heavy, while signals wait)
    sys.argv[1:] = entry.for_hydra(arguments)
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra is to raise, not to print
    entry.errors.clear()
    if asks and hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader like head has seen enough
    try:
        signals.begin()
        answer = entry.answer(arguments)
        print(answer, flush=True) if answer else entry.job()
        if entry.errors:
            raise entry.errors[0]
    except KeyboardInterrupt:
        sys.exit(_interrupted(signals))
    except BrokenPipeError:  # a reader like head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if signals.came:  # inside of a library an interruption may come out as another error
            sys.exit(_interrupted(signals))
        error = entry.errors[0] if entry.errors else error  # another sweeper fails on what a job returns
        if wants_trace:
            raise error
        sys.exit(_say(one_line(error, arguments), getattr(error, "exit_code", 2)))


def _interrupted(signals: _Signals) -> int:
    if hasattr(signal, "SIGALRM"):
        signal.alarm(0)  # heard: it is not to come again while Python ends
    told = "interrupted; finished realizations are kept, the same command goes on from there"
    return _say(told, 128 + signals.number)


def _say(message: str, code: int) -> int:
    print(f"\nspectral-repro: {message}" if code > 128 else f"spectral-repro: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
